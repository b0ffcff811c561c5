/* Linear layers y = x W' + b, forward and backward. */
#pragma once
#include "products.h"

/* y = x W', without a bias. */
static void linear(int64_t rows, int64_t in, int64_t out, const real *x, const real *const *weight, real *y) {
    product(0, 1, rows, out, in, x, in, weight[0], in, 0, y, out);
}

/* Where there is one. */
static void add_bias(int64_t rows, int64_t n, const real *restrict bias, real *restrict values) {
    if (!bias) return;
    for (int64_t t = 0; t < rows; t++) {
#pragma omp simd
        for (int64_t i = 0; i < n; i++) values[t * n + i] += bias[i];
    }
}

/* Gradients of a linear layer's weight and bias; `more`: on top of what is there. */
static void weight_gradient(int64_t rows, int64_t in, int64_t out, const real *dy, const real *x, real *const *g, int more) {
    if (g[0]) product(1, 0, out, in, rows, dy, out, x, in, more, g[0], in);
    if (!g[1]) return;
    real *restrict bias = g[1];
    if (!more) memset(bias, 0, (size_t)out * sizeof(real));
    for (int64_t t = 0; t < rows; t++) {
#pragma omp simd
        for (int64_t i = 0; i < out; i++) bias[i] += dy[t * out + i];
    }
}

/* dx = dy W, or on top of dx where `more`. */
static void input_gradient(int64_t rows, int64_t in, int64_t out, const real *dy, const real *const *weight, real *dx, int more) {
    product(0, 0, rows, in, out, dy, out, weight[0], in, more, dx, in);
}
