/* Arithmetic of one thread: vectors, exponential and activations, random masks. */
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
/* Numbers of a vector, for the preprocessor, too. */
#define BYTES_OF_float 4
#define BYTES_OF_double 8
#define BYTES_OF(type) BYTES_OF_##type
#define BYTES_OF_NAMED(type) BYTES_OF(type)
#define LANES (VECTOR_BYTES / BYTES_OF_NAMED(REAL))
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

enum { GELU, GELU_TANH, RELU, SILU, TANH }; /* the last one is that of a head alone */

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

#define LEVELS_AT_ONCE 1024

/* kept[i] = 1 where the 16-bit level at `place` that comes i after the first `before` ones (a multiple of 16) reaches the threshold. */
static inline void draw_after(int64_t before, const Dropout *dropout, uint64_t place, int64_t count, uint8_t *restrict kept) {
    uint64_t words[LEVELS_AT_ONCE / 4];
    uint16_t levels[LEVELS_AT_ONCE];
    const int64_t threshold = dropout->threshold;
    uint64_t block = (uint64_t)before / 16;
    for (int64_t done = 0; done < count; done += LEVELS_AT_ONCE) {
        const int64_t here = count - done < LEVELS_AT_ONCE ? count - done : LEVELS_AT_ONCE, blocks = (here + 15) / 16;
        for (int64_t i = 0; i < blocks; i++)
            philox(++block, dropout->step, place, dropout->call, dropout->key[0], dropout->key[1], words + 4 * i);
        memcpy(levels, words, (size_t)blocks * 32);
        for (int64_t i = 0; i < here; i++) kept[done + i] = levels[i] >= threshold;
    }
}

static inline void draw(const Dropout *dropout, uint64_t place, int64_t count, uint8_t *kept) { draw_after(0, dropout, place, count, kept); }

/* to[i] = from[i]·(kept ? scale : 0); kept NULL: all are, unscaled. */
static inline void drop(int64_t n, const real *from, const uint8_t *kept, real scale, real *to) {
    if (!kept) {
        if (to != from) memcpy(to, from, (size_t)n * sizeof(real));
        return;
    }
#pragma omp simd
    for (int64_t i = 0; i < n; i++) to[i] = from[i] * ((real)kept[i] * scale);
}
