/* One pass over all tensors of a run: squares of the gradients, and AdamW. */
#include "arithmetic.h"

/* sums[i]: the sum of squares of tensor i, in double precision. */
void square_sums(int64_t tensors, const real *const *g, const int64_t *sizes, double *sums) {
    for (int64_t number = 0; number < tensors; number++) {
        const real *restrict from = g[number];
        double sum = 0;
        for (int64_t start = 0; start < sizes[number]; start += 1024) {
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
    double clip;                        /* factor of the gradient */
} Moments;

/* m ← β1 m + (1 − β1) g;  v ← β2 v + (1 − β2) g²;  p ← (p·before − step·m / (√v·root + ε))·after, tensor by tensor. */
void adamw(int64_t tensors, real *const *p, real *const *m, real *const *v, const real *const *g, const int64_t *sizes,
           const Moments *moments, const double *steps, const double *befores, const double *afters) {
    const real beta1 = (real)moments->beta1, beta2 = (real)moments->beta2, epsilon = (real)moments->epsilon, root = (real)moments->root;
    const real rest1 = (real)(1 - moments->beta1), rest2 = (real)(1 - moments->beta2), clip = (real)moments->clip;
    for (int64_t number = 0; number < tensors; number++) {
        const real step = (real)steps[number], before = (real)befores[number], after = (real)afters[number];
        real *restrict weight = p[number], *restrict first = m[number], *restrict second = v[number];
        const real *restrict gradient = g[number];
#pragma omp simd
        for (int64_t i = 0; i < sizes[number]; i++) {
            const real d = gradient[i] * clip;
            first[i] = beta1 * first[i] + rest1 * d;
            second[i] = beta2 * second[i] + rest2 * d * d;
            weight[i] = (weight[i] * before - step * first[i] / ((real)(IS_FLOAT ? sqrtf((float)second[i]) : sqrt((double)second[i])) * root + epsilon)) * after;
        }
    }
}
