/* Transposition and copies of parts of matrices. */
#pragma once
#include "arithmetic.h"

#if VECTOR_BYTES == 64 && (defined(__znver3__) || defined(__znver4__) || defined(__znver5__))
#define AMD_AVX512 /* a compiler that is older than the CPU takes it for the last one that it knows */
#define TILE_ROWS 8
#else
#define TILE_ROWS (VECTOR_BYTES == 64 ? 14 : 6) /* of sums that are held in registers, two vectors wide */
#endif
#define WIDTH (2 * LANES)

#if BYTES_OF_NAMED(REAL) == 4
typedef int32_t number;
#else
typedef int64_t number;
#endif
typedef number choice __attribute__((vector_size(VECTOR_BYTES)));
#ifdef __clang__
static inline vector chosen(vector a, vector b, choice from) {
    vector found;
    for (int i = 0; i < LANES; i++) found[i] = from[i] < LANES ? a[from[i]] : b[from[i] - LANES];
    return found;
}
#else
#define chosen(a, b, from) __builtin_shuffle(a, b, from)
#endif

#define PART (16 / BYTES_OF_NAMED(REAL)) /* numbers of 128 bits, within which shuffles are cheapest */

/* A choice by a formula for each place, of literals: only these become the shuffles that there are for them. */
#if LANES == 16
#define EACH(place) {place(0), place(1), place(2), place(3), place(4), place(5), place(6), place(7), place(8), place(9), place(10), place(11), place(12), place(13), place(14), place(15)}
#elif LANES == 8
#define EACH(place) {place(0), place(1), place(2), place(3), place(4), place(5), place(6), place(7)}
#else
#define EACH(place) {place(0), place(1), place(2), place(3)}
#endif

/* Of two vectors, units of numbers in turns: from the lower halves of each 128 bits, and from the upper ones. */
#define LOWER(c, unit) ((c) / PART * PART + (c) % PART / (unit) / 2 * (unit) + (c) % (unit) + (c) % PART / (unit) % 2 * LANES)
#define SINGLES(c) LOWER(c, 1)
#define UPPER_SINGLES(c) (LOWER(c, 1) + PART / 2)
#define PAIRS(c) LOWER(c, 2)
#define UPPER_PAIRS(c) (LOWER(c, 2) + PART / 2)
/* Of two vectors, those blocks of `step` numbers that lie in even places, and those in odd ones. */
#define EVEN(c, step) ((c) & (step) ? (c) - (step) + LANES : (c))
#define ODD(c, step) ((c) & (step) ? (c) + LANES : (c) + (step))
#define EVEN_PARTS(c) EVEN(c, PART)
#define ODD_PARTS(c) ODD(c, PART)
#define EVEN_DOUBLES(c) EVEN(c, 2 * PART)
#define ODD_DOUBLES(c) ODD(c, 2 * PART)

/* Rows whose numbers differ by `step` become what two formulas choose of them. */
#define ROUND(step, first, second)                                       \
    _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++) if (!(i & (step))) { \
        const vector a = rows[i], b = rows[i + (step)];                  \
        rows[i] = chosen(a, b, ((choice)EACH(first)));                   \
        rows[i + (step)] = chosen(a, b, ((choice)EACH(second)));         \
    }

/* to(l, t) = from(t, l) for LANES × LANES numbers: first within 128 bits, then blocks of 128 bits. Rows from `height` on are not
   read: what is written of them has no meaning. Rows of `to` are written in their order. */
static inline __attribute__((always_inline)) void transpose_block(const int height, const real *from, long from_stride, real *to, long to_stride) {
    vector rows[LANES];
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) rows[i] = *(const vector *)(from + (i < height ? i : 0) * from_stride);
    ROUND(1, SINGLES, UPPER_SINGLES)
#if PART == 4
    ROUND(2, PAIRS, UPPER_PAIRS)
#endif
    ROUND(PART, EVEN_PARTS, ODD_PARTS)
#if LANES == 4 * PART
    ROUND(2 * PART, EVEN_DOUBLES, ODD_DOUBLES)
#endif
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) {
        const int within = i % PART; /* where four were interleaved, rows 1 and 2 have changed places */
        *(vector *)(to + i * to_stride) = rows[PART == 4 ? i - within + within / 2 + within % 2 * 2 : i];
    }
}

/* to (columns × stride): the transpose of (rows × columns). */
static inline void transpose(int64_t rows, int64_t columns, const real *from, int64_t from_stride, real *to, int64_t stride) {
    int64_t i = 0;
    for (; i + LANES <= rows; i += LANES) {
        int64_t j = 0;
        for (; j + LANES <= columns; j += LANES) transpose_block(LANES, from + i * from_stride + j, from_stride, to + j * stride + i, stride);
        for (; j < columns; j++)
            for (int t = 0; t < LANES; t++) to[j * stride + i + t] = from[(i + t) * from_stride + j];
    }
    for (int64_t j = 0; j < columns; j++)
        for (int64_t t = i; t < rows; t++) to[j * stride + t] = from[t * from_stride + j];
}

/* to (columns × TILE_ROWS): the transpose of (TILE_ROWS × columns). What is written beyond a row is written over by the next one, so
   that LANES numbers behind the last have to be there. */
static inline void transpose_tile(int64_t columns, const real *from, int64_t from_stride, real *to) {
    int64_t j = 0;
    for (; j + LANES <= columns; j += LANES) {
        const real *part = from + j;
        real *there = to + j * TILE_ROWS;
#pragma GCC unroll 4
        for (int i = (TILE_ROWS - 1) / LANES * LANES; i >= 0; i -= LANES)
            transpose_block(TILE_ROWS - i, part + i * from_stride, from_stride, there + i, TILE_ROWS);
    }
    for (; j < columns; j++)
        for (int i = 0; i < TILE_ROWS; i++) to[j * TILE_ROWS + i] = from[i * from_stride + j];
}

static inline void copy_rows(int64_t rows, int64_t columns, const real *from, int64_t stride, real *to, int64_t to_stride) {
    if (columns == WIDTH) /* a size that the compiler knows needs no call */
        for (int64_t i = 0; i < rows; i++) memcpy(to + i * to_stride, from + i * stride, WIDTH * sizeof(real));
    else if (columns == TILE_ROWS)
        for (int64_t i = 0; i < rows; i++) memcpy(to + i * to_stride, from + i * stride, TILE_ROWS * sizeof(real));
    else
        for (int64_t i = 0; i < rows; i++) memcpy(to + i * to_stride, from + i * stride, (size_t)columns * sizeof(real));
}
