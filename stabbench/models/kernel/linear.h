/* Linear layers y = x W' + b, forward and backward: the encoder's by `layer_product`, whose factors are rounded to bf16 in the library
   of that precision, the head's and the embeddings' by `product`. */
#pragma once
#include "products.h"
#ifdef LOWER_PRODUCTS
#include "lower_products.h"
#define layer_product lower_product
#else
#define layer_product product
#endif
#define linear(...) linear_by(product, __VA_ARGS__)
#define weight_gradient(...) weight_gradient_by(product, __VA_ARGS__)
#define input_gradient(...) input_gradient_by(product, __VA_ARGS__)
#define layer_linear(...) linear_by(layer_product, __VA_ARGS__)
#define layer_weight_gradient(...) weight_gradient_by(layer_product, __VA_ARGS__)
#define layer_input_gradient(...) input_gradient_by(layer_product, __VA_ARGS__)

typedef void Product(int, int, int64_t, int64_t, int64_t, const real *, int64_t, const real *, int64_t, int, real *, int64_t);

/* y = x W', without a bias. */
static inline void linear_by(Product *multiply, int64_t rows, int64_t in, int64_t out, const real *x, const real *const *weight, real *y) {
    multiply(0, 1, rows, out, in, x, in, weight[0], in, 0, y, out);
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
static inline void weight_gradient_by(Product *multiply, int64_t rows, int64_t in, int64_t out, const real *dy, const real *x,
                                      real *const *g, int more) {
    if (g[0]) multiply(1, 0, out, in, rows, dy, out, x, in, more, g[0], in);
    if (!g[1]) return;
    real *restrict bias = g[1];
    if (!more) memset(bias, 0, (size_t)out * sizeof(real));
    for (int64_t t = 0; t < rows; t++) {
#pragma omp simd
        for (int64_t i = 0; i < out; i++) bias[i] += dy[t * out + i];
    }
}

/* dx = dy W, or on top of dx where `more`. */
static inline void input_gradient_by(Product *multiply, int64_t rows, int64_t in, int64_t out, const real *dy,
                                     const real *const *weight, real *dx, int more) {
    multiply(0, 0, rows, in, out, dy, out, weight[0], in, more, dx, in);
}
