/* Matrices to which products of two thin ones are added. */
#include "products.h"

/* to = w + scale·up·down: `to`, `w` and the result are (out × in), `up` (out × rank), `down` (rank × in). */
void add_low_rank(int64_t tensors, real *const *to, const real *const *w, const real *const *up, const real *const *down, int64_t rank,
                  const int64_t *outs, const int64_t *ins, double scale) {
    for (int64_t number = 0; number < tensors; number++) {
        const int64_t out = outs[number], in = ins[number];
        product(0, 0, out, in, rank, up[number], rank, down[number], in, 0, to[number], in);
#pragma omp simd
        for (int64_t i = 0; i < out * in; i++) to[number][i] = w[number][i] + (real)scale * to[number][i];
    }
}

/* Gradients of `up` and `down` from those of the sum. */
void low_rank_slopes(int64_t tensors, const real *const *slopes, const real *const *up, const real *const *down, real *const *d_up,
                     real *const *d_down, int64_t rank, const int64_t *outs, const int64_t *ins, double scale) {
    for (int64_t number = 0; number < tensors; number++) {
        const int64_t out = outs[number], in = ins[number];
        product(0, 1, out, rank, in, slopes[number], in, down[number], in, 0, d_up[number], rank);
        product(1, 0, rank, in, out, up[number], rank, slopes[number], in, 0, d_down[number], in);
        for (int64_t i = 0; i < out * rank; i++) d_up[number][i] *= (real)scale;
        for (int64_t i = 0; i < rank * in; i++) d_down[number][i] *= (real)scale;
    }
}
