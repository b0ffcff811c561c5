/* One pass over all tensors of a run: squares of the gradients, and AdamW. */
#include "arithmetic.h"

/* sums[i]: the sum of squares of tensor i, in double precision; 0 where there is none. */
void square_sums(int64_t tensors, const real *const *g, const int64_t *sizes, double *sums) {
    for (int64_t number = 0; number < tensors; number++) {
        const real *restrict from = g[number];
        double sum = 0;
        for (int64_t start = 0; from && start < sizes[number]; start += 1024) {
            const int64_t stop = start + 1024 < sizes[number] ? start + 1024 : sizes[number];
            real part = 0;
#pragma omp simd reduction(+ : part)
            for (int64_t i = start; i < stop; i++) part += from[i] * from[i];
            sum += (double)part;
        }
        sums[number] = sum;
    }
}

typedef struct {
    double beta1, beta2, epsilon, root; /* root: factor of √v */
    double rate, correction, clip;      /* of the update; clip: factor of the gradients */
    int64_t decay_first;                /* whether the weight decays before it is changed, else afterwards */
} Update;

/* m ← β1 m + (1 − β1) g;  v ← β2 v + (1 − β2) g²;  p ← p − η·correction·m / (√v·root + ε), p ← (1 − η·decay) p;
   η is the rate times the tensor's own factor; a tensor whose factor is 0 stays as it is, moments included. */
void adamw(int64_t tensors, real *const *p, real *const *m, real *const *v, const real *const *g, const int64_t *sizes,
           const Update *update, const double *factors, const double *decays) {
    const real beta1 = (real)update->beta1, beta2 = (real)update->beta2, epsilon = (real)update->epsilon, root = (real)update->root;
    const real rest1 = (real)(1 - update->beta1), rest2 = (real)(1 - update->beta2), clip = (real)update->clip;
    for (int64_t number = 0; number < tensors; number++) {
        if (factors[number] == 0) continue;
        const double rate = update->rate * factors[number], decay = 1 - rate * decays[number];
        const real step = (real)(rate * update->correction);
        const real before = (real)(update->decay_first ? decay : 1), after = (real)(update->decay_first ? 1 : decay);
        real *restrict weight = p[number], *restrict first = m[number], *restrict second = v[number];
        const real *restrict gradient = g[number];
#pragma omp simd
        for (int64_t i = 0; i < sizes[number]; i++) {
            const real d = gradient[i] * clip;
            first[i] = beta1 * first[i] + rest1 * d;
            second[i] = beta2 * second[i] + rest2 * d * d;
            const real deviation = (real)(IS_FLOAT ? sqrtf((float)second[i]) : sqrt((double)second[i]));
            weight[i] = (weight[i] * before - step * first[i] / (deviation * root + epsilon)) * after;
        }
    }
}
