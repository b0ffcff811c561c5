/* Arithmetic of one thread: vector loops, exponential and activations, small and large matrix products, random masks. */
#pragma once
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef REAL
#define REAL float
#endif
typedef REAL real;
#define IS_FLOAT (sizeof(real) == 4)

#ifdef __AVX512F__
#define VECTOR_BYTES 64
#else
#define VECTOR_BYTES 32
#endif
#define LANES ((int)(VECTOR_BYTES / sizeof(real)))
typedef real vector __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));

/* e^x for x ≤ 0 (below −87 in single precision: e^−87); NaN stays NaN. */
static inline real exponential(real x) {
    if (!IS_FLOAT) return (real)exp((double)x);
    float value = (float)x;
    value = value < -87.0f ? -87.0f : value;
    float whole = rintf(value * 1.44269504f);
    float rest = fmaf(whole, -0.693145752f, value);
    rest = fmaf(whole, -1.42860677e-6f, rest);
    float sum = 1.0f / 5040;
    sum = fmaf(sum, rest, 1.0f / 720);
    sum = fmaf(sum, rest, 1.0f / 120);
    sum = fmaf(sum, rest, 1.0f / 24);
    sum = fmaf(sum, rest, 1.0f / 6);
    sum = fmaf(sum, rest, 0.5f);
    sum = fmaf(sum, rest, 1.0f);
    sum = fmaf(sum, rest, 1.0f);
    uint32_t bits = ((uint32_t)(int32_t)whole + 127u) << 23;
    float power;
    memcpy(&power, &bits, 4);
    return (real)(sum * power);
}

/* Φ(−a) for a ≥ 0, given e^(−a²/2): in single precision a fit of Φ(−a)·e^(a²/2) with relative error 3e-8. */
static inline real normal_tail(real a, real gauss) {
    if (!IS_FLOAT) return (real)(0.5 * erfc((double)a * 0.70710678118654752440));
    float t = 1.0f / fmaf(0.26f, (float)a, 1.0f);
    float sum = 0.030506424605846405f;
    sum = fmaf(sum, t, -0.1528366506099701f);
    sum = fmaf(sum, t, 0.2515081763267517f);
    sum = fmaf(sum, t, -0.15096907317638397f);
    sum = fmaf(sum, t, 0.16096231341362f);
    sum = fmaf(sum, t, 0.0510212704539299f);
    sum = fmaf(sum, t, 0.10303196310997009f);
    sum = fmaf(sum, t, 0.10301650315523148f);
    sum = fmaf(sum, t, 0.10375907272100449f);
    return (real)(sum * t) * gauss;
}

enum { GELU, GELU_TANH, RELU, SILU };

/* One row: values (+ bias) become f(values), slope gets f′. */
static inline void activate(int activation, int n, real *restrict values, const real *restrict bias, real *restrict slope) {
    if (activation == GELU) {
#pragma omp simd
        for (int i = 0; i < n; i++) {
            real x = values[i] + bias[i];
            real gauss = exponential((real)-0.5 * x * x);
            real tail = normal_tail(x < 0 ? -x : x, gauss);
            real share = x < 0 ? tail : 1 - tail;
            slope[i] = share + x * gauss * (real)0.39894228040143267794;
            values[i] = x * share;
        }
    } else if (activation == GELU_TANH || activation == SILU) {
        const int tanh_form = activation == GELU_TANH;
        const real scale = tanh_form ? (real)1.5957691216057307117 : 1, cubic = tanh_form ? (real)0.044715 : 0;
#pragma omp simd
        for (int i = 0; i < n; i++) {
            real x = values[i] + bias[i];
            real u = scale * (x + cubic * x * x * x), slope_u = scale * (1 + 3 * cubic * x * x);
            real small = exponential(u < 0 ? u : -u);
            real share = (u < 0 ? small : 1) / (1 + small);
            slope[i] = share + x * slope_u * small / ((1 + small) * (1 + small));
            values[i] = x * share;
        }
    } else {
#pragma omp simd
        for (int i = 0; i < n; i++) {
            real x = values[i] + bias[i];
            slope[i] = x > 0 ? 1 : 0;
            values[i] = x <= 0 ? 0 : x;
        }
    }
}

static inline vector load(const real *from, int count) {
    vector found = {0};
    memcpy(&found, from, (size_t)count * sizeof(real));
    return found;
}

#define TILE_ROWS (VECTOR_BYTES == 64 ? 8 : 4) /* of sums that are held in registers, two vectors wide */
#define DEPTH 384                              /* terms of a sum that are added in one go */

/* rows×(full vectors, then `rest` columns) of C = A B, or C += A B where `more`; A(i, l) at a[i·row + l·column]. */
static inline __attribute__((always_inline)) void tile(const int rows, const int wide, int rest, int k, const real *a, long row,
                                                        long column, const real *b, long ldb, real *c, long ldc, int more) {
    vector sum[TILE_ROWS][2] = {{{0}}};
    for (int l = 0; l < k; l++) {
        const vector first = rest ? load(b + l * ldb, rest) : *(const vector *)(b + l * ldb);
        const vector second = wide == 2 ? *(const vector *)(b + l * ldb + LANES) : first;
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++) {
            const real scalar = a[i * row + l * column];
            sum[i][0] += scalar * first;
            if (wide == 2) sum[i][1] += scalar * second;
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
        real *to = c + i * ldc;
        if (more) sum[i][0] += rest ? load(to, rest) : load(to, LANES);
        if (more && wide == 2) sum[i][1] += load(to + LANES, LANES);
        if (rest) memcpy(to, &sum[i][0], (size_t)rest * sizeof(real));
        else memcpy(to, &sum[i][0], VECTOR_BYTES);
        if (wide == 2) memcpy(to + LANES, &sum[i][1], VECTOR_BYTES);
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

typedef __typeof__((vector){0} < (vector){0}) choice;
#ifdef __clang__
static inline vector chosen(vector a, vector b, choice from) {
    vector found;
    for (int i = 0; i < LANES; i++) found[i] = from[i] < LANES ? a[from[i]] : b[from[i] - LANES];
    return found;
}
#else
#define chosen(a, b, from) __builtin_shuffle(a, b, from)
#endif

/* to(l, t) = from(t, l) for LANES × LANES elements: in each round the halves of all rows are interleaved. */
static inline void transpose_block(const real *from, long from_stride, real *to, long to_stride) {
    vector rows[LANES], mixed[LANES];
    choice low, high;
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) {
        low[i] = i / 2 + i % 2 * LANES;
        high[i] = low[i] + LANES / 2;
        rows[i] = *(const vector *)(from + i * from_stride);
    }
#pragma GCC unroll 4
    for (int round = 1; round < LANES; round *= 2) {
#pragma GCC unroll 8
        for (int i = 0; i < LANES / 2; i++) {
            mixed[2 * i] = chosen(rows[i], rows[i + LANES / 2], low);
            mixed[2 * i + 1] = chosen(rows[i], rows[i + LANES / 2], high);
        }
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++) rows[i] = mixed[i];
    }
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) *(vector *)(to + i * to_stride) = rows[i];
}

/* to (columns × stride): the transpose of (rows × columns). */
static inline void transpose(int64_t rows, int64_t columns, const real *from, int64_t from_stride, real *to, int64_t stride) {
    int64_t i = 0;
    for (; i + LANES <= rows; i += LANES) {
        int64_t j = 0;
        for (; j + LANES <= columns; j += LANES) transpose_block(from + i * from_stride + j, from_stride, to + j * stride + i, stride);
        for (; j < columns; j++)
            for (int t = 0; t < LANES; t++) to[j * stride + i + t] = from[(i + t) * from_stride + j];
    }
    for (int64_t j = 0; j < columns; j++)
        for (int64_t t = i; t < rows; t++) to[j * stride + t] = from[t * from_stride + j];
}

static inline void copy_rows(int64_t rows, int64_t columns, const real *from, int64_t stride, real *to, int64_t to_stride) {
    if (columns == 2 * LANES) /* a size that the compiler knows needs no call */
        for (int64_t i = 0; i < rows; i++) memcpy(to + i * to_stride, from + i * stride, 2 * VECTOR_BYTES);
    else
        for (int64_t i = 0; i < rows; i++) memcpy(to + i * to_stride, from + i * stride, (size_t)columns * sizeof(real));
}

/* C (m×n) = op(A) op(B), or C += … where `more`; row-major, transposed where `ta`, `tb`. B goes through a panel that stays
   in the nearest cache while all rows of A pass it. */
static inline void product(int ta, int tb, int64_t m, int64_t n, int64_t k, const real *a, int64_t lda, const real *b, int64_t ldb, int more, real *c, int64_t ldc) {
    enum { WIDTH = 2 * VECTOR_BYTES / sizeof(real) };
    real panel[DEPTH * WIDTH] __attribute__((aligned(64)));
    const int64_t row = ta ? 1 : lda, column = ta ? lda : 1;
    for (int64_t l = 0; l < k; l += DEPTH) {
        const int64_t depth = k - l < DEPTH ? k - l : DEPTH;
        for (int64_t j = 0; j < n; j += WIDTH) {
            const int64_t width = n - j < WIDTH ? n - j : WIDTH;
            if (tb) transpose(width, depth, b + j * ldb + l, ldb, panel, WIDTH);
            else copy_rows(depth, width, b + l * ldb + j, ldb, panel, WIDTH);
            small_product((int)m, (int)width, (int)depth, a + l * column, row, column, panel, WIDTH, c + j, ldc, more || l > 0);
        }
    }
}

/* Philox 4x64-10 as NumPy runs it: the counter is raised before each block of four words. */
static inline void philox(uint64_t c0, uint64_t c1, uint64_t c2, uint64_t c3, uint64_t k0, uint64_t k1, uint64_t *words) {
    for (int round = 0; round < 10; round++) {
        const unsigned __int128 first = (unsigned __int128)0xD2E7470EE14C6C93ull * c0;
        const unsigned __int128 second = (unsigned __int128)0xCA5A826395121157ull * c2;
        c0 = (uint64_t)(second >> 64) ^ c1 ^ k0;
        c2 = (uint64_t)(first >> 64) ^ c3 ^ k1;
        c1 = (uint64_t)second;
        c3 = (uint64_t)first;
        k0 += 0x9E3779B97F4A7C15ull;
        k1 += 0xBB67AE8584CAA73Bull;
    }
    words[0] = c0, words[1] = c1, words[2] = c2, words[3] = c3;
}

typedef struct {
    uint64_t key[2], step, call;
    int64_t threshold; /* 0: nothing is dropped */
    double scale;
} Dropout;

/* kept[i] = 1 where the i-th 16-bit level at `place` reaches the threshold. */
static inline void draw(const Dropout *dropout, uint64_t place, int64_t count, uint8_t *restrict kept) {
    uint64_t words[256];
    uint16_t levels[1024];
    const int64_t threshold = dropout->threshold;
    uint64_t block = 0;
    for (int64_t done = 0; done < count; done += 1024) {
        const int64_t here = count - done < 1024 ? count - done : 1024, blocks = (here + 15) / 16;
        for (int64_t i = 0; i < blocks; i++)
            philox(++block, dropout->step, place, dropout->call, dropout->key[0], dropout->key[1], words + 4 * i);
        memcpy(levels, words, (size_t)blocks * 32);
        for (int64_t i = 0; i < here; i++) kept[done + i] = levels[i] >= threshold;
    }
}

/* to[i] = from[i]·(kept ? scale : 0); kept NULL: all are, unscaled. */
static inline void drop(int64_t n, const real *from, const uint8_t *kept, real scale, real *to) {
    if (!kept) {
        if (to != from) memcpy(to, from, (size_t)n * sizeof(real));
        return;
    }
#pragma omp simd
    for (int64_t i = 0; i < n; i++) to[i] = from[i] * ((real)kept[i] * scale);
}
