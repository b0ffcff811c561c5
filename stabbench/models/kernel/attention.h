/* Attention, forward and backward: of all tokens to all of their text or a window of it, and of each text's first token alone. */
#pragma once
#include "layout.h"

/* to (n × stride), zero beyond `rows`: the transpose of (rows × n). */
static void transpose_padded(int64_t rows, int64_t n, const real *from, int64_t from_stride, real *to, int64_t stride) {
    transpose(rows, n, from, from_stride, to, stride);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = rows; j < stride; j++) to[i * stride + j] = 0;
}

/* Softmax of scale·row over [begin, end); the rest up to `stride` becomes zero. */
static void softmax_within(int64_t begin, int64_t end, int64_t stride, real scale, real *restrict row) {
    for (int64_t j = 0; j < begin; j++) row[j] = row[begin];
    for (int64_t j = end; j < stride; j++) row[j] = row[begin];
    real most = row[begin], sum = 0;
#pragma omp simd reduction(max : most)
    for (int64_t j = 0; j < stride; j++) most = row[j] > most ? row[j] : most;
#pragma omp simd
    for (int64_t j = 0; j < stride; j++) row[j] = exponential((row[j] - most) * scale);
    for (int64_t j = 0; j < begin; j++) row[j] = 0;
    for (int64_t j = end; j < stride; j++) row[j] = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < stride; j++) sum += row[j];
    const real inverse = 1 / sum;
#pragma omp simd
    for (int64_t j = 0; j < stride; j++) row[j] *= inverse;
}

static void softmax(int64_t length, int64_t stride, real scale, real *row) { softmax_within(0, length, stride, scale, row); }

typedef struct {
    int64_t length, stride, width, begin; /* begin: first row */
    int64_t asked, asking;                /* how many queries, and the row of the first of them */
    const uint8_t *kept;
    real *probabilities;
} Head;

static Head head_of(const Shape *shape, const Texts *texts, const Layer *layer, int64_t example, int64_t *pairs, int64_t *padded_pairs) {
    Head head;
    head.width = shape->hidden / shape->heads;
    head.length = length_of(texts, example);
    head.stride = padded(head.length);
    head.begin = texts->first[example];
    head.kept = layer->kept_probabilities ? layer->kept_probabilities + *pairs : NULL;
    head.probabilities = layer->probabilities + *padded_pairs;
    head.asked = layer->first_only ? 1 : head.length;
    head.asking = layer->first_only ? example : head.begin;
    *pairs += head.asked * head.length;
    *padded_pairs += head.asked * head.stride;
    return head;
}

/* Context of every token, or of the first ones, from queries, keys and values. */
static void attention(const Shape *shape, const Texts *texts, const Layer *layer, int keep, real scale, real *const *scratch) {
    const int64_t hidden = shape->hidden;
    int64_t pairs = 0, padded_pairs = 0;
    for (int64_t b = 0; b < texts->size; b++) {
        for (int64_t h = 0; h < shape->heads; h++) {
            if (!keep) padded_pairs = 0;
            const Head head = head_of(shape, texts, layer, b, &pairs, &padded_pairs);
            const int64_t n = head.length, stride = head.stride, width = head.width;
            const int64_t asked = head.asked, at = head.begin * hidden + h * width, asking = head.asking * hidden + h * width;
            const real share = (real)(1 / sqrt((double)width));
            real *rows = head.probabilities, *used = rows, *keys = scratch[2], *values = scratch[3];
            transpose_padded(n, width, layer->key + at, hidden, keys, stride);
            copy_rows(n, width, layer->value + at, hidden, values, width);
            small_product((int)asked, (int)stride, (int)width, layer->query + asking, hidden, 1, keys, stride, rows, stride, 0);
            for (int64_t i = 0; i < asked; i++) {
                const int64_t reach = layer->window < 0 ? n : layer->window;
                softmax_within(i > reach ? i - reach : 0, i + reach + 1 < n ? i + reach + 1 : n, stride, share, rows + i * stride);
            }
            if (head.kept) {
                used = scratch[0];
                for (int64_t i = 0; i < asked; i++) drop(n, rows + i * stride, head.kept + i * n, scale, used + i * stride);
            }
            small_product((int)asked, (int)width, (int)n, used, stride, 1, values, width, layer->context + asking, hidden, 0);
        }
    }
}

/* From d_context (in `d_context`) to d_query, d_value and, where `keys_too`, d_key. */
static void attention_backward(const Shape *shape, const Texts *texts, const Layer *layer, real scale, const real *d_context, int keys_too,
                               const Tape *tape) {
    const int64_t hidden = shape->hidden;
    real *const *scratch = tape->head;
    int64_t pairs = 0, padded_pairs = 0;
    for (int64_t b = 0; b < texts->size; b++) {
        for (int64_t h = 0; h < shape->heads; h++) {
            const Head head = head_of(shape, texts, layer, b, &pairs, &padded_pairs);
            const int64_t n = head.length, stride = head.stride, width = head.width;
            const int64_t asked = head.asked, at = head.begin * hidden + h * width, asking = head.asking * hidden + h * width;
            const real share = (real)(1 / sqrt((double)width));
            real *used = head.probabilities, *d_rows = scratch[1], *values = scratch[2], *keys = scratch[3], *queries = scratch[4], *d = scratch[5];
            transpose_padded(n, width, layer->value + at, hidden, values, stride);
            copy_rows(n, width, layer->key + at, hidden, keys, width);
            copy_rows(asked, width, layer->query + asking, hidden, queries, width);
            copy_rows(asked, width, d_context + asking, hidden, d, width);
            if (head.kept) {
                used = scratch[0];
                for (int64_t i = 0; i < asked; i++) drop(n, head.probabilities + i * stride, head.kept + i * n, scale, used + i * stride);
            }
            small_product((int)n, (int)width, (int)asked, used, 1, stride, d, width, tape->d_value + at, hidden, 0);
            small_product((int)asked, (int)stride, (int)width, d, width, 1, values, stride, d_rows, stride, 0);
            for (int64_t i = 0; i < asked; i++) {
                const real *restrict p = head.probabilities + i * stride;
                real *restrict row = d_rows + i * stride;
                real dot = 0;
                if (head.kept) drop(n, row, head.kept + i * n, scale, row);
#pragma omp simd reduction(+ : dot)
                for (int64_t j = 0; j < stride; j++) dot += row[j] * p[j];
#pragma omp simd
                for (int64_t j = 0; j < stride; j++) row[j] = p[j] * (row[j] - dot) * share;
            }
            small_product((int)asked, (int)width, (int)n, d_rows, stride, 1, keys, width, tape->d_query + asking, hidden, 0);
            if (keys_too) small_product((int)n, (int)width, (int)asked, d_rows, 1, stride, queries, width, tape->d_key + at, hidden, 0);
        }
    }
}

/* Attention of each text's first token alone. With keys K x + k the scores q·(K x + k) are (K'q)·x but for a term that softmax does not
   see, and with values V x + v the context is V Σ a x + v Σ a: no key and no value has to be computed. `keyed` holds K'q and `mixed`
   Σ a x, both (heads × size × hidden). */
static void first_attention(const Shape *shape, const Texts *texts, const Layer *layer, const real *const *w, real scale) {
    const int64_t size = texts->size, hidden = shape->hidden, heads = shape->heads, width = hidden / heads, block = size * hidden;
    const real share = (real)(1 / sqrt((double)width));
    for (int64_t h = 0; h < heads; h++)
        product(0, 0, size, hidden, width, layer->query + h * width, hidden, w[KEY] + h * width * hidden, hidden, 0, layer->keyed + h * block, hidden);
    real *p = layer->probabilities, *used = layer->used;
    const uint8_t *kept = layer->kept_probabilities;
    for (int64_t b = 0; b < size; b++) {
        const int64_t n = length_of(texts, b), stride = padded(n);
        const real *x = layer->x + texts->first[b] * hidden;
        product(0, 1, heads, n, hidden, layer->keyed + b * hidden, block, x, hidden, 0, p, stride);
        for (int64_t h = 0; h < heads; h++) {
            softmax(n, stride, share, p + h * stride);
            if (kept) drop(n, p + h * stride, kept + h * n, scale, used + h * stride);
        }
        small_product((int)heads, (int)hidden, (int)n, used, stride, 1, x, hidden, layer->mixed + b * hidden, block, 0);
        p += heads * stride, used += heads * stride, kept += kept ? heads * n : 0;
    }
    for (int64_t h = 0; h < heads; h++)
        product(0, 1, size, width, hidden, layer->mixed + h * block, hidden, w[VALUE] + h * width * hidden, hidden, 0, layer->context + h * width, hidden);
    used = layer->used;
    for (int64_t b = 0; b < size; b++) {
        const int64_t n = length_of(texts, b), stride = padded(n);
        for (int64_t h = 0; h < heads; h++, used += stride) {
            real sum = 0;
            for (int64_t j = 0; j < n; j++) sum += used[j];
            for (int64_t i = h * width; i < (h + 1) * width; i++) layer->context[b * hidden + i] += sum * w[VALUE + 1][i];
        }
    }
}

/* From d_context (size × hidden) to d_query, the gradients of key and value matrices (or of the factors of their changes) and biases, and
   in tape->d_branch that of x. */
static void first_attention_backward(const Shape *shape, const Texts *texts, const Layer *layer, const real *const *w, real *const *g,
                                     const Factors *const *factors, int more, real scale, const real *d_context, Tape *tape) {
    const int64_t size = texts->size, hidden = shape->hidden, heads = shape->heads, width = hidden / heads, block = size * hidden;
    const real share = (real)(1 / sqrt((double)width));
    real *d_mixed = tape->d_value, *d_keyed = tape->d_key, *d_x = tape->d_branch, *d_rows = tape->head[1];
    const real *p = layer->probabilities, *used = layer->used;
    const uint8_t *kept = layer->kept_probabilities;
    for (int64_t h = 0; h < heads; h++) {
        const int64_t matrix = h * width * hidden;
        product(0, 0, size, hidden, width, d_context + h * width, hidden, w[VALUE] + matrix, hidden, 0, d_mixed + h * block, hidden);
        if (g[VALUE]) product(1, 0, width, hidden, size, d_context + h * width, hidden, layer->mixed + h * block, hidden, more, g[VALUE] + matrix, hidden);
        if (factors && factors[VALUE])
            factor_gradients(size, hidden, width, d_context + h * width, hidden, layer->mixed + h * block, hidden, factors[VALUE], h * width, more, more || h);
    }
    for (int bias = KEY + 1; bias <= VALUE + 1; bias += VALUE - KEY)
        if (g[bias] && !more) memset(g[bias], 0, (size_t)hidden * sizeof(real));
    memset(d_x, 0, (size_t)(texts->tokens * hidden) * sizeof(real));
    for (int64_t b = 0; b < size; b++) {
        const int64_t n = length_of(texts, b), stride = padded(n), begin = texts->first[b] * hidden;
        const real *x = layer->x + begin;
        product(0, 1, heads, n, hidden, d_mixed + b * hidden, block, x, hidden, 0, d_rows, stride);
        small_product((int)n, (int)hidden, (int)heads, used, 1, stride, d_mixed + b * hidden, block, d_x + begin, hidden, 1);
        for (int64_t h = 0; h < heads; h++) {
            const real *d = d_context + b * hidden, *query = layer->query + b * hidden;
            real *row = d_rows + h * stride;
            real from_bias = 0, sum = 0, dot = 0, total = 0;
            for (int64_t i = h * width; i < (h + 1) * width; i++) from_bias += d[i] * w[VALUE + 1][i];
            for (int64_t j = 0; j < n; j++) row[j] += from_bias, sum += used[h * stride + j];
            if (kept) drop(n, row, kept + h * n, scale, row);
            for (int64_t j = 0; j < n; j++) dot += row[j] * p[h * stride + j];
            for (int64_t j = 0; j < n; j++) row[j] = p[h * stride + j] * (row[j] - dot) * share, total += row[j];
            for (int64_t i = h * width; i < (h + 1) * width; i++) {
                if (g[VALUE + 1]) g[VALUE + 1][i] += sum * d[i];
                if (g[KEY + 1]) g[KEY + 1][i] += total * query[i]; /* zero but for rounding, as in the full computation */
            }
        }
        small_product((int)heads, (int)hidden, (int)n, d_rows, stride, 1, x, hidden, d_keyed + b * hidden, block, 0);
        small_product((int)n, (int)hidden, (int)heads, d_rows, 1, stride, layer->keyed + b * hidden, block, d_x + begin, hidden, 1);
        p += heads * stride, used += heads * stride, kept += kept ? heads * n : 0;
    }
    for (int64_t h = 0; h < heads; h++) {
        const int64_t matrix = h * width * hidden;
        product(0, 1, size, width, hidden, d_keyed + h * block, hidden, w[KEY] + matrix, hidden, 0, tape->d_query + h * width, hidden);
        if (g[KEY]) product(1, 0, width, hidden, size, layer->query + h * width, hidden, d_keyed + h * block, hidden, more, g[KEY] + matrix, hidden);
        if (factors && factors[KEY])
            factor_gradients(size, hidden, width, layer->query + h * width, hidden, d_keyed + h * block, hidden, factors[KEY], h * width, more, more || h);
    }
}
