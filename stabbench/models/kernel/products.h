/* Matrix products, small and large. Terms of a sum are added in their order, DEPTH of them in registers before they meet C. */
#pragma once
#include "transposition.h"

static inline vector load(const real *from, int count) {
    vector found = {0};
    memcpy(&found, from, (size_t)count * sizeof(real));
    return found;
}

#define DEPTH 384      /* terms of a sum that are added in one go */
#define BLOCK_ROWS 504 /* of a packed block of A, a multiple of the tile's */

/* rows×(full vectors, then `rest` columns) of C = A B, or C += A B where `more`; A(i, l) at a[i·row + l·column]. */
static inline __attribute__((always_inline)) void tile(const int rows, const int wide, int rest, int k, const real *a, long row,
                                                        long column, const real *b, long ldb, real *c, long ldc, int more) {
    vector sum[TILE_ROWS][2] = {{{0}}};
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) __builtin_prefetch(c + i * ldc, 1);
    for (int l = 0; l < k; l++) {
        const vector first = rest ? load(b + l * ldb, rest) : *(const vector *)(b + l * ldb);
        const vector second = wide == 2 ? *(const vector *)(b + l * ldb + LANES) : first;
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++) {
            const real scalar = a[i * row + l * column];
            sum[i][0] += scalar * first;
            if (wide == 2) sum[i][1] += scalar * second;
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
        real *to = c + i * ldc;
        vector first = sum[i][0], second = sum[i][1];
        if (more) first += rest ? load(to, rest) : *(const vector *)to;
        if (more && wide == 2) second += *(const vector *)(to + LANES);
        if (rest) memcpy(to, &first, (size_t)rest * sizeof(real));
        else *(vector *)to = first;
        if (wide == 2) *(vector *)(to + LANES) = second;
    }
}

/* C (m×n) = A B, or C += A B where `more`; rows of B and C are contiguous, A has any two strides. For products that fit a cache. */
static inline void small_product(int m, int n, int k, const real *a, long row, long column, const real *b, long ldb, real *c, long ldc, int more) {
    for (int j = 0; j < n;) {
        const int left = n - j, wide = left >= 2 * LANES ? 2 : 1, rest = left < LANES ? left : 0;
        int i = 0;
#define TILES(rows)                                                                                                          \
    for (; i + rows <= m; i += rows) {                                                                                       \
        const real *from = a + i * row;                                                                                      \
        real *to = c + i * ldc + j;                                                                                          \
        if (wide == 2) tile(rows, 2, 0, k, from, row, column, b + j, ldb, to, ldc, more);                                    \
        else if (!rest) tile(rows, 1, 0, k, from, row, column, b + j, ldb, to, ldc, more);                                   \
        else tile(rows, 1, rest, k, from, row, column, b + j, ldb, to, ldc, more);                                           \
    }
        TILES(TILE_ROWS) TILES(4) TILES(2) TILES(1)
#undef TILES
        j += rest ? rest : wide * LANES;
    }
}

/* A (rows×depth) in tiles: of each tile its rows side by side for every term, so that the next number lies behind the last. A few
   terms at a time where rows lie side by side already: their places share few sets of a cache where matrices are large. */
static inline void pack_tiles(int64_t rows, int64_t depth, const real *a, int64_t row, int64_t column, real *to) {
    const int64_t terms = row == 1 ? 8 : depth;
    for (int64_t l = 0; l < depth; l += terms) {
        const int64_t here = depth - l < terms ? depth - l : terms;
        for (int64_t i = 0; i < rows; i += TILE_ROWS) {
            const int64_t height = rows - i < TILE_ROWS ? rows - i : TILE_ROWS;
            const real *from = a + i * row + l * column;
            if (row == 1) copy_rows(here, height, from, column, to + i * depth + l * TILE_ROWS, TILE_ROWS);
            else if (height == TILE_ROWS) transpose_tile(here, from, row, to + i * depth);
            else transpose(height, here, from, row, to + i * depth, TILE_ROWS);
        }
    }
}

/* C (m×n) = op(A) op(B), or C += … where `more`; row-major, transposed where `ta`, `tb`. B goes through a panel that stays in the
   nearest cache while all rows of a block of A pass it; A is packed where there are panels enough to make up for it. AMD's cores
   with AVX-512 read rows as fast where they lie: there only columns are packed, and nothing else comes in blocks. */
static inline void product(int ta, int tb, int64_t m, int64_t n, int64_t k, const real *a, int64_t lda, const real *b, int64_t ldb, int more, real *c, int64_t ldc) {
    static _Thread_local real tiles[BLOCK_ROWS * DEPTH + LANES] __attribute__((aligned(64)));
    real panel[DEPTH * WIDTH] __attribute__((aligned(64)));
    const int64_t row = ta ? 1 : lda, column = ta ? lda : 1;
#ifdef AMD_AVX512
    const int packs = ta && n >= 12 * WIDTH;
    const int64_t most = packs ? BLOCK_ROWS : m;
#else
    const int packs = n >= 12 * WIDTH;
    const int64_t most = BLOCK_ROWS;
#endif
    for (int64_t i = 0; i < m; i += most) {
        const int64_t rows = m - i < most ? m - i : most;
        for (int64_t l = 0; l < k; l += DEPTH) {
            const int64_t depth = k - l < DEPTH ? k - l : DEPTH;
            const real *part = a + i * row + l * column;
            if (packs) pack_tiles(rows, depth, part, row, column, tiles);
            for (int64_t j = 0; j < n; j += WIDTH) {
                const int64_t width = n - j < WIDTH ? n - j : WIDTH;
                real *to = c + i * ldc + j;
                if (tb) transpose(width, depth, b + j * ldb + l, ldb, panel, WIDTH);
                else copy_rows(depth, width, b + l * ldb + j, ldb, panel, WIDTH);
                if (!packs) small_product((int)rows, (int)width, (int)depth, part, row, column, panel, WIDTH, to, ldc, more || l > 0);
                else
                    for (int64_t t = 0; t < rows; t += TILE_ROWS) {
                        const int64_t height = rows - t < TILE_ROWS ? rows - t : TILE_ROWS;
                        const real *at = tiles + t * depth;
                        if (height == TILE_ROWS && width == WIDTH) tile(TILE_ROWS, 2, 0, (int)depth, at, 1, TILE_ROWS, panel, WIDTH, to + t * ldc, ldc, more || l > 0);
                        else small_product((int)height, (int)width, (int)depth, at, 1, TILE_ROWS, panel, WIDTH, to + t * ldc, ldc, more || l > 0);
                    }
            }
        }
    }
}
