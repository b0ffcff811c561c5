/* Matrices of which some columns, drawn at random, are put back to where they were. */
#include "arithmetic.h"

/* factors[n][i] = scale where the i-th uniform number at the matrix's place reaches `least`, else 0. */
void kept_columns(int64_t tensors, real *const *factors, const Dropout *keys, const uint64_t *places, const int64_t *columns, double least,
                  double scale) {
    uint64_t words[4];
    for (int64_t number = 0; number < tensors; number++)
        for (int64_t i = 0; i < columns[number]; i++) {
            if (i % 4 == 0)
                philox((uint64_t)(i / 4 + 1), keys->step, places[number], keys->call, keys->key[0], keys->key[1], words);
            factors[number][i] = (real)((double)(words[i % 4] >> 11) * 0x1.0p-53 >= least ? scale : 0);
        }
}

/* to = u + f·(w − u) with a factor for each column; where u is NULL, to = f·w. `to` may be w. */
void scale_columns(int64_t tensors, real *const *to, const real *const *w, const real *const *u, const real *const *f,
                   const int64_t *sizes, const int64_t *columns) {
    for (int64_t number = 0; number < tensors; number++) {
        const real *factor = f[number];
        for (int64_t row = 0; row < sizes[number]; row += columns[number]) {
            real *out = to[number] + row;
            const real *from = w[number] + row;
            if (u) {
                const real *centre = u[number] + row;
#pragma omp simd
                for (int64_t i = 0; i < columns[number]; i++) out[i] = centre[i] + factor[i] * (from[i] - centre[i]);
            } else {
#pragma omp simd
                for (int64_t i = 0; i < columns[number]; i++) out[i] = factor[i] * from[i];
            }
        }
    }
}
