/* Products of numbers that are rounded to bf16, with sums in fp32: by the tiles of AMX, or by AVX-512's dot products of pairs.

   Both factors are packed whole, once a product, as pairs of neighbouring terms: A into tiles of 16 rows of 16 pairs, B into tiles
   of 16 pairs by 16 columns, filled up with zeros. Either instruction adds products of pairs to sums of 16 columns. */
#pragma once
#include "transposition.h"
#include <stdlib.h>

#ifdef EMULATED_INSTRUCTIONS /* a header with the instructions in C, for tests on any CPU */
#include EMULATED_INSTRUCTIONS
#elif !defined(__AMX_BF16__) && !defined(__AVX512BF16__)
#error "this CPU has no instruction for products of bf16 numbers"
#else
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if (defined(__AMX_BF16__) || defined(EMULATED_TILES)) && !defined(WITHOUT_TILES)
#define BY_TILES
#endif

#define SIDE 16           /* rows, pairs and columns of a tile */
#define TERMS (2 * SIDE)  /* of a sum, that a tile of A and one of B add */
#define TILE (SIDE * SIDE) /* pairs in a tile */
#define STRIP 16          /* tiles of terms that are added in one go: two columns of tiles of B stay in the nearest cache */

typedef uint32_t pair; /* the earlier term in the lower half */

/* To the nearest bf16, halfway to the even one; NaN stays NaN. */
static inline uint32_t rounded(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    const uint32_t nearest = (bits + 0x7fffu + (bits >> 16 & 1)) >> 16;
    return (bits & 0x7fffffffu) > 0x7f800000u ? bits >> 16 | 0x40 : nearest;
}

/* A tile of `count` rows from rows of `terms` numbers. */
static inline void pairs_of_rows(int64_t count, int64_t terms, const float *from, int64_t stride, pair *to) {
    if (count < SIDE || terms < TERMS) memset(to, 0, TILE * sizeof(pair));
    for (int64_t i = 0; i < count; i++, from += stride, to += SIDE) {
#pragma omp simd
        for (int64_t t = 0; t < terms / 2; t++) to[t] = rounded(from[2 * t]) | rounded(from[2 * t + 1]) << 16;
        if (terms % 2) to[terms / 2] = rounded(from[terms - 1]);
    }
}

/* A tile of `count` columns from `terms` rows of so many numbers. */
static inline void pairs_of_columns(int64_t count, int64_t terms, const float *from, int64_t stride, pair *to) {
    if (count < SIDE || terms < TERMS) memset(to, 0, TILE * sizeof(pair));
    for (int64_t t = 0; t < terms; t += 2, from += 2 * stride, to += SIDE) {
        const float *next = t + 1 < terms ? from + stride : NULL;
#pragma omp simd
        for (int64_t i = 0; i < count; i++) to[i] = rounded(from[i]) | (next ? rounded(next[i]) << 16 : 0);
    }
}

/* A factor as tiles: those of its first 16 rows (A) or columns (B) along the terms, then of the next 16. `together`: whether the
   terms of a row or column lie side by side. */
static void pack(int rows, int together, int64_t count, int64_t k, const float *from, int64_t stride, pair *to) {
    pair turned[TILE] __attribute__((aligned(64)));
    for (int64_t i = 0; i < count; i += SIDE)
        for (int64_t l = 0; l < k; l += TERMS, to += TILE) {
            const int64_t here = count - i < SIDE ? count - i : SIDE, terms = k - l < TERMS ? k - l : TERMS;
            pair *tile = rows == together ? to : turned;
            if (together) pairs_of_rows(here, terms, from + i * stride + l, stride, tile);
            else pairs_of_columns(here, terms, from + l * stride + i, stride, tile);
            if (tile != to) transpose(SIDE, SIDE, (const real *)turned, SIDE, (real *)to, SIDE);
        }
}

/* Whether this process may use tiles, if it needs any; Linux lends them to those that ask. */
static int tiles_allowed(void) {
#if defined(BY_TILES) && !defined(EMULATED_INSTRUCTIONS)
    enum { REQUEST = 0x1023, TILE_DATA = 18 }; /* ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA */
    return syscall(SYS_arch_prctl, REQUEST, TILE_DATA) == 0;
#else
    return 1;
#endif
}

#ifdef BY_TILES
/* Two by two tiles of C: sums of `steps` tiles of terms, on top of what is there where `more`. */
static void four_tiles(int64_t steps, const pair *const *a, const pair *const *b, int more, float *c, int64_t stride) {
    const int64_t row = stride * 4;
    if (more) {
        _tile_loadd(0, c, row);
        _tile_loadd(1, c + SIDE, row);
        _tile_loadd(2, c + SIDE * stride, row);
        _tile_loadd(3, c + SIDE * stride + SIDE, row);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (int64_t at = 0; at < steps * TILE; at += TILE) {
        _tile_loadd(4, a[0] + at, 64);
        _tile_loadd(6, b[0] + at, 64);
        _tile_loadd(5, a[1] + at, 64);
        _tile_loadd(7, b[1] + at, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, c, row);
    _tile_stored(1, c + SIDE, row);
    _tile_stored(2, c + SIDE * stride, row);
    _tile_stored(3, c + SIDE * stride + SIDE, row);
}
#else
typedef float sums __attribute__((vector_size(4 * SIDE), aligned(4), may_alias));
typedef pair pairs __attribute__((vector_size(4 * SIDE), aligned(4), may_alias));

#ifndef EMULATED_INSTRUCTIONS
static inline sums add_pairs(sums sum, pair a, pairs b) {
    return (sums)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32((int)a), (__m512bh)b);
}
#endif

enum { HELD = 8 }; /* rows of sums in registers, two vectors wide */

static void four_tiles(int64_t steps, const pair *const *a, const pair *const *b, int more, float *c, int64_t stride) {
    for (int first = 0; first < 2 * SIDE; first += HELD, c += HELD * stride) {
        const pair *rows = a[first / SIDE] + first % SIDE * SIDE;
        sums sum[HELD][2] = {{{0}}};
        for (int i = 0; i < HELD && more; i++) sum[i][0] = *(const sums *)(c + i * stride), sum[i][1] = *(const sums *)(c + i * stride + SIDE);
        for (int64_t at = 0; at < steps * TILE; at += TILE)
            for (int p = 0; p < SIDE; p++) {
                const pairs left = *(const pairs *)(b[0] + at + p * SIDE), right = *(const pairs *)(b[1] + at + p * SIDE);
#pragma GCC unroll 8
                for (int i = 0; i < HELD; i++) {
                    sum[i][0] = add_pairs(sum[i][0], rows[at + i * SIDE + p], left);
                    sum[i][1] = add_pairs(sum[i][1], rows[at + i * SIDE + p], right);
                }
            }
        for (int i = 0; i < HELD; i++) *(sums *)(c + i * stride) = sum[i][0], *(sums *)(c + i * stride + SIDE) = sum[i][1];
    }
}
#endif

/* rows×columns of C, at most two by two tiles, from the tiles of its rows and columns that begin at `a` and `b`; `next`: from the
   tiles of 16 rows or columns to those of the next 16. */
static void block(int64_t steps, const pair *a, const pair *b, int64_t next, int64_t rows, int64_t columns, int more, float *c, int64_t ldc) {
    const pair *const row_tiles[2] = {a, rows > SIDE ? a + next : a}, *const column_tiles[2] = {b, columns > SIDE ? b + next : b};
    if (rows == 2 * SIDE && columns == 2 * SIDE) {
        four_tiles(steps, row_tiles, column_tiles, more, c, ldc);
        return;
    }
    float edge[2 * SIDE][2 * SIDE] __attribute__((aligned(64))) = {{0}};
    const size_t bytes = (size_t)columns * sizeof(float);
    for (int64_t i = 0; i < rows && more; i++) memcpy(edge[i], c + i * ldc, bytes);
    four_tiles(steps, row_tiles, column_tiles, more, edge[0], 2 * SIDE);
    for (int64_t i = 0; i < rows; i++) memcpy(c + i * ldc, edge[i], bytes);
}

/* Memory for packed factors, kept by the thread; NULL where there is none. */
static pair *packed_memory(int64_t count) {
    static _Thread_local pair *memory;
    static _Thread_local int64_t room;
    if (count > room) {
        free(memory);
        memory = aligned_alloc(64, (size_t)count * sizeof(pair));
        room = memory ? count : 0;
    }
    return memory;
}

/* As `product`, of the factors rounded to bf16. */
static void lower_product(int ta, int tb, int64_t m, int64_t n, int64_t k, const real *a, int64_t lda, const real *b, int64_t ldb, int more, real *c, int64_t ldc) {
    const int64_t steps = (k + TERMS - 1) / TERMS, across = (m + SIDE - 1) / SIDE * TILE * steps, down = (n + SIDE - 1) / SIDE * TILE * steps;
    pair *const rows = packed_memory(across + down), *const columns = rows + across;
    if (!rows) abort(); /* as for any program that is out of memory */
    pack(1, !ta, m, k, a, lda, rows);
    pack(0, tb, n, k, b, ldb, columns);
#ifdef BY_TILES
    static const struct { uint8_t palette, start, unused[14]; uint16_t bytes[16]; uint8_t rows[16]; } shape __attribute__((aligned(64))) = {
        .palette = 1, .bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
    _tile_loadconfig(&shape);
#endif
    const int64_t next = steps * TILE, two = 2 * SIDE;
    for (int64_t s = 0; s < steps; s += STRIP)
        for (int64_t j = 0; j < n; j += two)
            for (int64_t i = 0; i < m; i += two)
                block(steps - s < STRIP ? steps - s : STRIP, rows + i / SIDE * next + s * TILE, columns + j / SIDE * next + s * TILE, next,
                      m - i < two ? m - i : two, n - j < two ? n - j : two, more || s, c + i * ldc + j, ldc);
#ifdef BY_TILES
    _tile_release();
#endif
}
