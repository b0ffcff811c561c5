/* Passes over all tensors of a run that strategies make beside forward, backward and AdamW. */
#include "arithmetic.h"

/* w ← w + share·(target − w) */
void move_towards(int64_t tensors, real *const *w, const real *const *target, const int64_t *sizes, double share) {
    const real part = (real)share;
    for (int64_t number = 0; number < tensors; number++) {
        real *restrict from = w[number];
        const real *restrict to = target[number];
#pragma omp simd
        for (int64_t i = 0; i < sizes[number]; i++) from[i] += part * (to[i] - from[i]);
    }
}

/* The same by a share of its own for each tensor, towards 0 where there is no target; what rounding keeps of a move is
   owed, and paid with those that follow. */
void move_and_owe(int64_t tensors, real *const *w, const real *const *target, real *const *owed, const int64_t *sizes, const double *shares) {
    for (int64_t number = 0; number < tensors; number++) {
        real *restrict weight = w[number], *restrict debt = owed[number];
        const real *restrict to = target[number];
        const real part = (real)shares[number];
#pragma omp simd
        for (int64_t i = 0; i < sizes[number]; i++) {
            const real before = weight[i], due = debt[i] + part * ((to ? to[i] : 0) - before);
            weight[i] = before + due;
            debt[i] = due - (weight[i] - before);
        }
    }
}

/* g ← g·scale where the 16-bit level at the tensor's place reaches the threshold, else 0. */
void thin(int64_t tensors, real *const *g, const int64_t *sizes, const uint64_t *places, const Dropout *keys) {
    uint8_t kept[LEVELS_AT_ONCE];
    for (int64_t number = 0; number < tensors; number++)
        for (int64_t done = 0; done < sizes[number]; done += LEVELS_AT_ONCE) {
            const int64_t here = sizes[number] - done < LEVELS_AT_ONCE ? sizes[number] - done : LEVELS_AT_ONCE;
            draw_after(done, keys, places[number], here, kept);
            drop(here, g[number] + done, kept, (real)keys->scale, g[number] + done);
        }
}

/* g ← g where kept, else 0 */
void mask(int64_t tensors, real *const *g, const uint8_t *const *kept, const int64_t *sizes) {
    for (int64_t number = 0; number < tensors; number++) drop(sizes[number], g[number], kept[number], 1, g[number]);
}

/* g ← g + factor·(w − target), the target 0 where there is none and g left alone where it is NULL. Returns Σ factor/2·(w − target)². */
double pull(int64_t tensors, real *const *g, const real *const *w, const real *const *target, const int64_t *sizes, const double *factors) {
    double whole = 0;
    for (int64_t number = 0; number < tensors; number++) {
        const real *restrict weight = w[number], *restrict to = target[number];
        real *restrict slope = g[number];
        const real factor = (real)factors[number];
        double sum = 0;
        for (int64_t start = 0; start < sizes[number]; start += 1024) {
            const int64_t stop = start + 1024 < sizes[number] ? start + 1024 : sizes[number];
            real part = 0;
#pragma omp simd reduction(+ : part)
            for (int64_t i = start; i < stop; i++) {
                const real way = weight[i] - (to ? to[i] : 0);
                part += way * way;
                if (slope) slope[i] += factor * way;
            }
            sum += (double)part;
        }
        whole += factors[number] / 2 * sum;
    }
    return whole;
}
