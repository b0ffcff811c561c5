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

/* y (rows × rank) = scale·x w, for x (rows × n) and w (n × rank), or its transpose (rank × n) where `across`. */
static inline void narrowed(int64_t rows, int64_t rank, int64_t n, const real *x, int64_t stride, const real *w, int across, real scale, real *y) {
    static _Thread_local real turned[DEPTH * MOST_RANK] __attribute__((aligned(64)));
    for (int64_t l = 0; l < n; l += DEPTH) {
        const int64_t depth = n - l < DEPTH ? n - l : DEPTH;
        if (across) transpose(rank, depth, w + l, n, turned, rank);
        small_product((int)rows, (int)rank, (int)depth, x + l, stride, 1, across ? turned : w + l * rank, rank, y, rank, l > 0);
    }
    for (int64_t i = 0; i < rows * rank; i++) y[i] *= scale;
}

/* d_up = scale·dy' (x down') and d_down = scale·(dy up)' x, for dy (rows × out) and x (rows × in): the matrix's own gradient dy' x is
   never there. On top of what is there where `more_…`. The output's rows begin at `begin` of the factors'. */
static inline void factor_gradients(int64_t rows, int64_t in, int64_t out, const real *dy, int64_t dy_stride, const real *x, int64_t x_stride,
                                    const Factors *factors, int64_t begin, int more_up, int more_down) {
    static _Thread_local real narrow[DEPTH * MOST_RANK] __attribute__((aligned(64)));
    const int64_t rank = factors->rank;
    const real scale = (real)factors->scale;
    for (int64_t t = 0; t < rows; t += DEPTH) {
        const int64_t here = rows - t < DEPTH ? rows - t : DEPTH;
        const real *d = dy + t * dy_stride, *from = x + t * x_stride;
        narrowed(here, rank, in, from, x_stride, factors->down, 1, scale, narrow);
        small_product((int)out, (int)rank, (int)here, d, 1, dy_stride, narrow, rank, factors->d_up + begin * rank, rank, more_up || t);
        narrowed(here, rank, out, d, dy_stride, factors->up + begin * rank, 0, scale, narrow);
        small_product((int)rank, (int)in, (int)here, narrow, 1, rank, from, x_stride, factors->d_down, in, more_down || t);
    }
}
