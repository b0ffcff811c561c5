/* Rotary positions: the first half of each head's values is turned against the second by its token's angles. */
#pragma once
#include "arithmetic.h"

/* `tables`: cosine, then sine, (places × width/2) each; `back`: by the opposite angles, as gradients are. */
static void rotate(int64_t rows, int64_t heads, int64_t width, const int64_t *positions, const real *const *tables, int back, real *values) {
    const int64_t half = width / 2;
    const real sign = back ? -1 : 1;
    for (int64_t t = 0; t < rows; t++) {
        const real *restrict cosine = tables[0] + positions[t] * half, *restrict sine = tables[1] + positions[t] * half;
        for (int64_t h = 0; h < heads; h++) {
            real *restrict first = values + (t * heads + h) * width, *restrict second = first + half;
#pragma omp simd
            for (int64_t i = 0; i < half; i++) {
                const real x = first[i], y = second[i], turned = sign * sine[i];
                first[i] = x * cosine[i] - y * turned;
                second[i] = y * cosine[i] + x * turned;
            }
        }
    }
}
