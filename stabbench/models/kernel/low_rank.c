/* Matrices to which products of two thin ones are added, and whose rows are given lengths of their own. */
#include "factors.h"

#define ROWS_AT_ONCE (8 * TILE_ROWS)

/* to = w + scale·up·down: `to`, `w` and the result are (out × in), `up` (out × rank), `down` (rank × in). */
void add_low_rank(int64_t tensors, real *const *to, const real *const *w, const real *const *up, const real *const *down, int64_t rank,
                  const int64_t *outs, const int64_t *ins, double scale) {
    real scaled[ROWS_AT_ONCE * MOST_RANK];
    for (int64_t number = 0; number < tensors; number++) {
        const int64_t in = ins[number];
        for (int64_t row = 0; row < outs[number]; row += ROWS_AT_ONCE) {
            const int64_t rows = outs[number] - row < ROWS_AT_ONCE ? outs[number] - row : ROWS_AT_ONCE;
            real *here = to[number] + row * in;
            memcpy(here, w[number] + row * in, (size_t)(rows * in) * sizeof(real));
            for (int64_t l = 0; l < rank; l += MOST_RANK) {
                const int64_t depth = rank - l < MOST_RANK ? rank - l : MOST_RANK;
                for (int64_t i = 0; i < rows; i++)
                    for (int64_t j = 0; j < depth; j++) scaled[i * depth + j] = (real)scale * up[number][(row + i) * rank + l + j];
                small_product((int)rows, (int)in, (int)depth, scaled, depth, 1, down[number] + l * in, in, here, in, 1);
            }
        }
    }
}

/* Gradients of `up` and `down` from those of the sum. */
void low_rank_slopes(int64_t tensors, const real *const *slopes, const real *const *up, const real *const *down, real *const *d_up,
                     real *const *d_down, int64_t rank, const int64_t *outs, const int64_t *ins, double scale) {
    for (int64_t number = 0; number < tensors; number++) {
        const int64_t out = outs[number], in = ins[number];
        product(0, 1, out, rank, in, slopes[number], in, down[number], in, 0, d_up[number], rank);
        product(1, 0, rank, in, out, up[number], rank, slopes[number], in, 0, d_down[number], in);
        for (int64_t i = 0; i < out * rank; i++) d_up[number][i] *= (real)scale;
        for (int64_t i = 0; i < rank * in; i++) d_down[number][i] *= (real)scale;
    }
}

/* to = w with rows of the given `lengths`; `norms` become those of the rows of w. */
void give_lengths(int64_t tensors, real *const *to, const real *const *w, const real *const *lengths, real *const *norms,
                  const int64_t *outs, const int64_t *ins) {
    for (int64_t number = 0; number < tensors; number++) {
        const int64_t in = ins[number];
        for (int64_t row = 0; row < outs[number]; row++) {
            const real *from = w[number] + row * in;
            real *here = to[number] + row * in, sum = 0;
#pragma omp simd reduction(+ : sum)
            for (int64_t i = 0; i < in; i++) sum += from[i] * from[i];
            norms[number][row] = (real)sqrt((double)sum);
            const real factor = lengths[number][row] / norms[number][row];
#pragma omp simd
            for (int64_t i = 0; i < in; i++) here[i] = factor * from[i];
        }
    }
}

/* From gradients of its result to those of `lengths`, and, in their place, to those of w, for which the norms are constants. */
void length_slopes(int64_t tensors, real *const *slopes, const real *const *w, const real *const *lengths, const real *const *norms,
                   real *const *d_lengths, const int64_t *outs, const int64_t *ins) {
    for (int64_t number = 0; number < tensors; number++) {
        const int64_t in = ins[number];
        for (int64_t row = 0; row < outs[number]; row++) {
            const real *from = w[number] + row * in, norm = norms[number][row], factor = lengths[number][row] / norm;
            real *slope = slopes[number] + row * in, sum = 0;
#pragma omp simd reduction(+ : sum)
            for (int64_t i = 0; i < in; i++) {
                sum += slope[i] * from[i];
                slope[i] *= factor;
            }
            d_lengths[number][row] = sum / norm;
        }
    }
}
