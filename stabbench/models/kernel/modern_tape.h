/* The tape of a ModernBERT, as layout.h has it of a BERT. */
#pragma once
#include "modern.h"

typedef struct {
    Tape tape; /* its layers: x is what attention reads, attended what the feed-forward layer reads */
    real *gate[MOST_LAYERS], *gated[MOST_LAYERS];
    real *states, *branch, *zeros; /* zeros: in the place of a bias that is not there */
    real *final, *final_hat, *final_deviation, *seen, *head_hat, *head_deviation, *head_slope, *d_gate;
    int64_t rows; /* of the last layer */
} ModernTape;

static void lay_out_modern(const Shape *shape, const Texts *texts, int drops, int keep, char *at, ModernTape *modern) {
    const int64_t tokens = texts->tokens, size = texts->size, hidden = shape->hidden, inner = shape->intermediate;
    Tape *tape = &modern->tape;
    int64_t longest = 0, pairs = 0, padded_pairs = 0, first_pairs = 0;
    for (int64_t b = 0; b < size; b++) {
        const int64_t length = length_of(texts, b);
        longest = length > longest ? length : longest;
        pairs += shape->heads * length * length;
        padded_pairs += shape->heads * length * padded(length);
        first_pairs += shape->heads * padded(length);
    }
    const int64_t square = longest * padded(longest), head = padded(longest) * (hidden / shape->heads);
    modern->rows = shape->every ? tokens : size;
    modern->states = REALS(tokens * hidden);
    modern->branch = REALS(tokens * hidden);
    modern->zeros = REALS(hidden > inner ? hidden : inner);
    tape->hat = REALS(tokens * hidden);
    tape->deviation = REALS(tokens);
    tape->kept = BYTES(tokens * hidden);
    modern->final = REALS(modern->rows * hidden);
    modern->final_hat = REALS(modern->rows * hidden);
    modern->final_deviation = REALS(modern->rows);
    modern->seen = REALS(size * hidden);
    modern->head_slope = REALS(size * hidden);
    modern->head_hat = REALS(size * hidden);
    modern->head_deviation = REALS(size);
    tape->dropped = REALS(size * hidden);
    tape->kept_pooled = BYTES(size * hidden);
    char *const mark = at, *end = at;
    for (int64_t l = 0; l < shape->layers; l++) {
        Layer *layer = &tape->layer[l];
        layer->first_only = l == shape->layers - 1 && !shape->every;
        layer->window = shape->modern->windows[l];
        const int64_t rows = layer->rows = layer->first_only ? size : tokens;
        if (!keep) at = mark;
        layer->x = REALS(tokens * hidden);
        layer->asking = layer->first_only ? REALS(size * hidden) : layer->x;
        layer->hat1 = REALS(tokens * hidden);
        layer->deviation1 = REALS(tokens);
        layer->query = REALS(rows * hidden);
        layer->key = REALS(tokens * hidden);
        layer->value = REALS(tokens * hidden);
        layer->probabilities = REALS(layer->first_only ? first_pairs : keep ? padded_pairs : square);
        layer->kept_probabilities = BYTES(pairs);
        layer->context = REALS(rows * hidden);
        layer->kept1 = BYTES(rows * hidden);
        layer->attended = REALS(rows * hidden);
        layer->hat2 = REALS(rows * hidden);
        layer->deviation2 = REALS(rows);
        layer->inner = REALS(rows * inner);
        layer->slope = REALS(keep ? rows * inner : inner);
        modern->gate[l] = REALS(rows * inner);
        modern->gated[l] = REALS(rows * inner);
        layer->kept2 = BYTES(rows * inner);
        end = at > end ? at : end;
    }
    at = end;
    for (int i = 0; i < 6; i++) tape->head[i] = REALS(i < 2 ? square : head);
    if (keep) {
        tape->d_output = REALS(tokens * hidden);
        tape->d_sum = REALS(tokens * hidden);
        tape->d_branch = REALS(tokens * hidden);
        tape->d_query = REALS(tokens * hidden);
        tape->d_key = REALS(tokens * hidden);
        tape->d_value = REALS(tokens * hidden);
        tape->d_inner = REALS(tokens * inner);
        modern->d_gate = REALS(tokens * inner);
    }
    tape->end = at;
}
