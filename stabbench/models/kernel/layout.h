/* Shapes, texts and the tape: what the backward pass needs of the forward pass, in one block of memory whose layout follows from them. */
#pragma once
#include "factors.h"

#define MOST_LAYERS 128

struct Modern;

typedef struct {
    int64_t layers, hidden, heads, intermediate, embedding, labels, activation, shared, position_offset;
    int64_t mapped;          /* whether a linear layer leads from the embeddings to the layers */
    int64_t head_activation; /* of the pooler: `TANH`, or as `activation` */
    int64_t drops_attended, drops_head_input; /* whether attention's output and the pooler's input are places of dropout */
    int64_t vocabulary, positions, segments; /* rows of the tables; without segments there is no such table */
    int64_t every;                           /* whether the last layer is wanted for every token, else for each example's first */
    double eps;
    const struct Modern *modern; /* of a ModernBERT: see modern.h */
} Shape;

typedef struct {
    int64_t size, tokens;
    const int64_t *ids, *segments, *positions, *first; /* (tokens), but first (size): where each example begins */
} Texts;

/* Weights and gradients are arrays of pointers: the embeddings, 16 tensors a layer, pooler, classifier; weight, then bias. */
enum { WORD, POSITION, SEGMENT, EMBEDDING_NORM, MAPPING = 5, LAYERS = 7 };
enum { QUERY, KEY = 2, VALUE = 4, PROJECTION = 6, ATTENTION_NORM = 8, INTERMEDIATE = 10, OUTPUT = 12, OUTPUT_NORM = 14, TENSORS = 16 };

typedef struct {
    real *x, *asking; /* input of the layer; the rows of it that ask: all, or in the last layer each example's first */
    real *query, *key, *value, *probabilities, *context, *hat1, *deviation1, *attended, *inner, *slope, *hat2, *deviation2, *output;
    uint8_t *kept_probabilities, *kept1, *kept2;
    real *keyed, *mixed, *used; /* where only first tokens ask, in place of key and value: see `first_attention` */
    int64_t rows, first_only;
    int64_t window; /* how many places away a token sees others, negative: all of its text */
} Layer;

typedef struct {
    real *embedded, *hat, *deviation, *given, *pooled, *pooled_slope, *dropped; /* `given`: what the pooler is given */
    uint8_t *kept, *kept_given, *kept_pooled;
    Layer layer[MOST_LAYERS];
    real *head[6];                                                           /* one attention head at a time */
    real *d_output, *d_sum, *d_branch, *d_inner, *d_query, *d_key, *d_value; /* for the backward pass */
    const Factors *const *factors; /* in the places of weights; NULL: of none */
    char *end;
} Tape;

static int64_t padded(int64_t length) { return (length + LANES - 1) / LANES * LANES; }

static int64_t length_of(const Texts *texts, int64_t example) {
    return (example + 1 < texts->size ? texts->first[example + 1] : texts->tokens) - texts->first[example];
}

static void *take(char **at, int64_t count, size_t bytes) {
    char *here = (char *)(((uintptr_t)*at + 63) & ~(uintptr_t)63);
    *at = here + (size_t)count * bytes;
    return here;
}
#define REALS(count) ((real *)take(&at, count, sizeof(real)))
#define BYTES(count) (drops ? (uint8_t *)take(&at, count, 1) : NULL)

/* `keep`: for a backward pass; otherwise all layers use the same memory. */
static void lay_out(const Shape *shape, const Texts *texts, int drops, int keep, char *at, Tape *tape) {
    const int64_t tokens = texts->tokens, size = texts->size, hidden = shape->hidden, inner = shape->intermediate;
    int64_t longest = 0, pairs = 0, padded_pairs = 0, first_pairs = 0;
    for (int64_t b = 0; b < size; b++) {
        const int64_t length = length_of(texts, b);
        longest = length > longest ? length : longest;
        pairs += shape->heads * length * length;
        padded_pairs += shape->heads * length * padded(length);
        first_pairs += shape->heads * padded(length);
    }
    const int64_t square = (longest > shape->heads ? longest : shape->heads) * padded(longest), head = padded(longest) * (hidden / shape->heads);
    tape->factors = NULL;
    tape->embedded = REALS(tokens * shape->embedding);
    tape->hat = REALS(tokens * shape->embedding);
    tape->deviation = REALS(tokens);
    tape->kept = BYTES(tokens * shape->embedding);
    tape->given = drops && shape->drops_head_input ? REALS(size * hidden) : NULL;
    tape->kept_given = tape->given ? BYTES(size * hidden) : NULL;
    tape->pooled = REALS(size * hidden);
    tape->pooled_slope = REALS(size * hidden);
    tape->dropped = REALS(size * hidden);
    tape->kept_pooled = BYTES(size * hidden);
    real *x = shape->mapped ? REALS(tokens * hidden) : tape->embedded;
    char *const mark = at, *end = at;
    for (int64_t l = 0; l < shape->layers; l++) {
        Layer *layer = &tape->layer[l];
        const int last = l == shape->layers - 1, first_only = last && !shape->every;
        const int64_t rows = layer->rows = first_only ? size : tokens;
        if (!keep) at = mark;
        layer->x = x;
        layer->asking = first_only ? REALS(size * hidden) : x;
        layer->query = REALS(rows * hidden);
        layer->first_only = first_only;
        layer->window = -1;
        if (first_only) {
            layer->keyed = REALS(shape->heads * size * hidden);
            layer->mixed = REALS(shape->heads * size * hidden);
            layer->probabilities = REALS(first_pairs);
            layer->used = drops ? REALS(first_pairs) : layer->probabilities;
        } else {
            layer->key = REALS(tokens * hidden);
            layer->value = REALS(tokens * hidden);
            layer->probabilities = REALS(keep ? padded_pairs : square);
        }
        layer->kept_probabilities = BYTES(pairs);
        layer->context = REALS(rows * hidden);
        layer->hat1 = REALS(rows * hidden);
        layer->deviation1 = REALS(rows);
        layer->kept1 = shape->drops_attended ? BYTES(rows * hidden) : NULL;
        layer->attended = REALS(rows * hidden);
        layer->inner = REALS(rows * inner);
        layer->slope = REALS(keep ? rows * inner : inner);
        layer->hat2 = REALS(rows * hidden);
        layer->deviation2 = REALS(rows);
        layer->kept2 = BYTES(rows * hidden);
        layer->output = x = keep || last ? REALS(rows * hidden) : x;
        end = at > end ? at : end;
    }
    at = end;
    if (!tape->given) tape->given = x;
    for (int i = 0; i < 6; i++) tape->head[i] = REALS(i < 2 ? square : head);
    if (keep) {
        const int64_t widest = hidden > shape->embedding ? hidden : shape->embedding;
        const int64_t most = tokens > shape->heads * size ? tokens : shape->heads * size;
        tape->d_output = REALS(tokens * widest);
        tape->d_sum = REALS(tokens * widest);
        tape->d_branch = REALS(tokens * widest);
        tape->d_inner = REALS(tokens * inner);
        tape->d_query = REALS(tokens * hidden);
        tape->d_key = REALS(most * hidden);
        tape->d_value = REALS(most * hidden);
    }
    tape->end = at;
}

