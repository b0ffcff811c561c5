/* Gradients of the two thin factors of a matrix's change. */
#pragma once
#include "products.h"

#define MOST_RANK 64

/* Of a matrix w + scale·up·down that acts in a forward pass. */
typedef struct {
    const real *up, *down; /* (out × rank) and (rank × in) */
    real *d_up, *d_down;
    int64_t rank; /* at most MOST_RANK */
    double scale;
} Factors;

/* d_up = scale·dy' (x down') and d_down = scale·(dy up)' x, for dy (rows × out) and x (rows × in): the matrix's own gradient dy' x is
   never there. On top of what is there where `more`. The output's rows begin at `begin` of the factors'. */
static inline void factor_gradients(int64_t rows, int64_t in, int64_t out, const real *dy, int64_t dy_stride, const real *x, int64_t x_stride,
                                    const Factors *factors, int64_t begin, int more_up, int more_down) {
    static _Thread_local real narrow[DEPTH * MOST_RANK] __attribute__((aligned(64)));
    const int64_t rank = factors->rank;
    const real *up = factors->up + begin * rank, scale = (real)factors->scale;
    real *d_up = factors->d_up + begin * rank;
    for (int64_t t = 0; t < rows; t += DEPTH) {
        const int64_t here = rows - t < DEPTH ? rows - t : DEPTH;
        const real *d = dy + t * dy_stride, *from = x + t * x_stride;
        product(0, 1, here, rank, in, from, x_stride, factors->down, in, 0, narrow, rank);
        for (int64_t i = 0; i < here * rank; i++) narrow[i] *= scale;
        product(1, 0, out, rank, here, d, dy_stride, narrow, rank, more_up || t, d_up, rank);
        product(0, 0, here, rank, out, d, dy_stride, up, rank, 0, narrow, rank);
        for (int64_t i = 0; i < here * rank; i++) narrow[i] *= scale;
        product(1, 0, rank, in, here, narrow, rank, from, x_stride, more_down || t, factors->d_down, in);
    }
}
