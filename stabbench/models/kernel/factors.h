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

/* Columns that a thin matrix is given: whole vectors are multiplied several times as fast as parts of one. */
static inline int64_t filled_up(int64_t rank) { return (rank + LANES - 1) / LANES * LANES; }

/* y (rows × filled_up(rank)) = scale·x w, for x (rows × n) and w (n × rank), or its transpose (rank × n) where `across`. */
static inline void narrowed(int64_t rows, int64_t rank, int64_t n, const real *x, int64_t stride, const real *w, int across, real scale, real *y) {
    static _Thread_local real filled[DEPTH * MOST_RANK] __attribute__((aligned(64)));
    const int64_t wide = filled_up(rank);
    for (int64_t l = 0; l < n; l += DEPTH) {
        const int64_t depth = n - l < DEPTH ? n - l : DEPTH;
        if (rank < wide) memset(filled, 0, (size_t)(depth * wide) * sizeof(real));
        if (across) transpose(rank, depth, w + l, n, filled, wide);
        else copy_rows(depth, rank, w + l * rank, rank, filled, wide);
        small_product((int)rows, (int)wide, (int)depth, x + l, stride, 1, filled, wide, y, wide, l > 0);
    }
    for (int64_t i = 0; i < rows * wide; i++) y[i] *= scale;
}

/* to (out × rank) = dy' narrow, or += where `more`; `narrow` (rows × filled_up(rank)). It is computed as its transpose, whose rows are
   whole vectors. */
static inline void up_gradient(int64_t rows, int64_t rank, int64_t out, const real *dy, int64_t stride, const real *narrow, int more, real *to) {
    static _Thread_local real sums[MOST_RANK * DEPTH] __attribute__((aligned(64)));
    for (int64_t o = 0; o < out; o += DEPTH) {
        const int64_t here = out - o < DEPTH ? out - o : DEPTH;
        small_product((int)rank, (int)here, (int)rows, narrow, 1, filled_up(rank), dy + o, stride, sums, here, 0);
        for (int64_t i = 0; i < here; i++) {
            real *row = to + (o + i) * rank;
            for (int64_t j = 0; j < rank; j++) row[j] = more ? sums[j * here + i] + row[j] : sums[j * here + i];
        }
    }
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
        up_gradient(here, rank, out, d, dy_stride, narrow, more_up || t, factors->d_up + begin * rank);
        narrowed(here, rank, out, d, dy_stride, factors->up + begin * rank, 0, scale, narrow);
        small_product((int)rank, (int)in, (int)here, narrow, 1, filled_up(rank), from, x_stride, factors->d_down, in, more_down || t);
    }
}
