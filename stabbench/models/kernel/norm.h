/* LayerNorm, forward and backward. */
#pragma once
#include "arithmetic.h"

/* LayerNorm of a row: `hat` holds the values and becomes the normalised ones; returns 1/σ. The shift may be NULL. */
static real normalise(int64_t n, double eps, const real *const *weight, real *restrict hat, real *restrict y) {
    const real *restrict scale = weight[0], *restrict shift = weight[1];
    real sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) sum += hat[i];
    const real mean = sum / (real)n;
#pragma omp simd reduction(+ : squares)
    for (int64_t i = 0; i < n; i++) squares += (hat[i] - mean) * (hat[i] - mean);
    const real inverse = (real)(1 / sqrt((double)squares / (double)n + eps));
    if (shift) {
#pragma omp simd
        for (int64_t i = 0; i < n; i++) {
            hat[i] = (hat[i] - mean) * inverse;
            y[i] = hat[i] * scale[i] + shift[i];
        }
    } else {
#pragma omp simd
        for (int64_t i = 0; i < n; i++) {
            hat[i] = (hat[i] - mean) * inverse;
            y[i] = hat[i] * scale[i];
        }
    }
    return inverse;
}

/* d_sum: gradient before LayerNorm; d_branch: the same through the dropout of the branch (NULL: not wanted). */
static void normalise_backward(int64_t rows, int64_t n, const real *dy, const real *hats, const real *deviation, const real *const *weight,
                               real *const *g, int more, const uint8_t *kept, real factor, real *d_sum, real *d_branch) {
    const real *restrict scale = weight[0];
    real *restrict d_scale = g[0], *restrict d_shift = g[1];
    if (d_scale && !more) memset(d_scale, 0, (size_t)n * sizeof(real));
    if (d_shift && !more) memset(d_shift, 0, (size_t)n * sizeof(real));
    for (int64_t t = 0; t < rows; t++) {
        const real *restrict d = dy + t * n, *restrict hat = hats + t * n;
        real *restrict out = d_sum + t * n;
        real sum = 0, dot = 0;
#pragma omp simd reduction(+ : sum, dot)
        for (int64_t i = 0; i < n; i++) {
            sum += d[i] * scale[i];
            dot += d[i] * scale[i] * hat[i];
        }
        if (d_scale) {
#pragma omp simd
            for (int64_t i = 0; i < n; i++) d_scale[i] += d[i] * hat[i];
        }
        if (d_shift) {
#pragma omp simd
            for (int64_t i = 0; i < n; i++) d_shift[i] += d[i];
        }
        const real mean = sum / (real)n, slope = dot / (real)n, inverse = deviation[t];
#pragma omp simd
        for (int64_t i = 0; i < n; i++) out[i] = inverse * (d[i] * scale[i] - mean - hat[i] * slope);
        if (d_branch) drop(n, out, kept ? kept + t * n : NULL, factor, d_branch + t * n);
    }
}
