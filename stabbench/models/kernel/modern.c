/* ModernBERT, forward and backward, as encoder.c computes BERT: norms stand before what reads them, so that one block of states
   is added to from layer to layer; queries and keys are rotated, and the feed-forward layer is gated. */
#include "attention.h"
#include "linear.h"
#include "modern_tape.h"
#include "norm.h"
#include "rotation.h"

/* Weights and gradients are arrays of pointers, weight, then bias: word table, norm, layers, norm, dense, norm, classifier. */
enum { TABLE, WORD_NORM, FIRST_LAYER = 3 };
enum { SOURCE_NORM, QUERY_KEY_VALUE = 2, ATTENDED = 4, INNER_NORM = 6, INNER_AND_GATE = 8, ADDED = 10, OF_LAYER = 12 };
enum { FINAL_NORM, DENSE = 2, HEAD_NORM = 4, CLASSIFIER = 6 };
enum { EMBEDDINGS, ATTENTION, GATED, HEAD }; /* the dropout of each kind of place */

int64_t modern_tape_bytes(const Shape *shape, const Texts *texts, int drops, int keep) {
    ModernTape modern;
    lay_out_modern(shape, texts, drops, keep, NULL, &modern);
    return (int64_t)(uintptr_t)modern.tape.end + 64;
}

static int drops_any(const Dropout *dropout) {
    return dropout[EMBEDDINGS].threshold > 0 || dropout[ATTENTION].threshold > 0 || dropout[GATED].threshold > 0 || dropout[HEAD].threshold > 0;
}

static void draw_or_keep(const Dropout *dropout, uint64_t place, int64_t count, uint8_t *kept) {
    if (!kept) return;
    if (dropout->threshold > 0) draw(dropout, place, count, kept);
    else memset(kept, 1, (size_t)count);
}

/* ---- forward ---- */

static void normalise_rows(const Shape *shape, int64_t rows, const real *from, const real *const *norm, real *hat, real *deviation, real *to) {
    const int64_t n = shape->hidden;
    memcpy(hat, from, (size_t)(rows * n) * sizeof(real));
    for (int64_t t = 0; t < rows; t++) deviation[t] = normalise(n, shape->eps, norm, hat + t * n, to + t * n);
}

/* The rows of the examples' first tokens of (tokens × n), to (size × n), which may begin at the same place. */
static void first_rows(const Texts *texts, int64_t n, const real *from, real *to) {
    for (int64_t b = 0; b < texts->size; b++) memmove(to + b * n, from + texts->first[b] * n, (size_t)n * sizeof(real));
}

/* states += dropout(branch + bias) */
static void add_branch(int64_t rows, int64_t n, real *branch, const real *bias, const uint8_t *kept, real scale, real *restrict states) {
    add_bias(rows, n, bias, branch);
    drop(rows * n, branch, kept, scale, branch);
#pragma omp simd
    for (int64_t i = 0; i < rows * n; i++) states[i] += branch[i];
}

static void attend(const Shape *shape, const Texts *texts, const Dropout *dropout, const uint64_t *places, const real *const *w, int l,
                   int keep, ModernTape *modern) {
    const int64_t hidden = shape->hidden, heads = shape->heads, square = hidden * hidden;
    const Layer *layer = &modern->tape.layer[l];
    const int64_t rows = layer->rows, tokens = texts->tokens;
    const real *matrix = w[QUERY_KEY_VALUE], *bias = w[QUERY_KEY_VALUE + 1];
    real *to[3] = {layer->query, layer->key, layer->value};
    if (layer->first_only) first_rows(texts, hidden, layer->x, layer->asking);
    for (int part = 0; part < 3; part++) {
        const real *const own = matrix + part * square;
        const int64_t asked = part ? tokens : rows;
        layer_linear(asked, hidden, hidden, part ? layer->x : layer->asking, &own, to[part]);
        add_bias(asked, hidden, bias ? bias + part * hidden : NULL, to[part]);
    }
    const real *const *tables = shape->modern->rotations + 2 * l;
    if (!layer->first_only) rotate(tokens, heads, hidden / heads, texts->positions, tables, 0, layer->query); /* place 0 is not turned */
    rotate(tokens, heads, hidden / heads, texts->positions, tables, 0, layer->key);
    if (layer->kept_probabilities) {
        int64_t pairs = 0;
        for (int64_t b = 0; b < texts->size; b++) {
            const int64_t length = length_of(texts, b);
            pairs += heads * length * (layer->first_only ? 1 : length);
        }
        draw_or_keep(dropout + ATTENTION, places[0], pairs, layer->kept_probabilities);
    }
    attention(shape, texts, layer, keep, (real)dropout[ATTENTION].scale, modern->tape.head);
}

static void run_layer(const Shape *shape, const Texts *texts, const Dropout *dropout, const uint64_t *places, const real *const *w, int l,
                      int keep, ModernTape *modern) {
    const int64_t hidden = shape->hidden, inner = shape->intermediate, tokens = texts->tokens;
    const Layer *layer = &modern->tape.layer[l];
    const int64_t rows = layer->rows;
    real *states = modern->states, *branch = modern->branch, *gate = modern->gate[l], *gated = modern->gated[l];
    if (w[SOURCE_NORM]) normalise_rows(shape, tokens, states, w + SOURCE_NORM, layer->hat1, layer->deviation1, layer->x);
    else memcpy(layer->x, states, (size_t)(tokens * hidden) * sizeof(real));
    attend(shape, texts, dropout, places, w, l, keep, modern);
    if (layer->first_only) first_rows(texts, hidden, states, states);
    layer_linear(rows, hidden, hidden, layer->context, w + ATTENDED, branch);
    draw_or_keep(dropout + ATTENTION, places[1], rows * hidden, layer->kept1);
    add_branch(rows, hidden, branch, w[ATTENDED + 1], layer->kept1, (real)dropout[ATTENTION].scale, states);

    normalise_rows(shape, rows, states, w + INNER_NORM, layer->hat2, layer->deviation2, layer->attended);
    const real *const other = w[INNER_AND_GATE] + inner * hidden, *bias = w[INNER_AND_GATE + 1];
    layer_linear(rows, hidden, inner, layer->attended, w + INNER_AND_GATE, layer->inner);
    layer_linear(rows, hidden, inner, layer->attended, &other, gate);
    add_bias(rows, inner, bias ? bias + inner : NULL, gate);
    for (int64_t t = 0; t < rows; t++)
        activate((int)shape->activation, (int)inner, layer->inner + t * inner, bias ? bias : modern->zeros, layer->slope + (keep ? t * inner : 0));
#pragma omp simd
    for (int64_t i = 0; i < rows * inner; i++) gated[i] = layer->inner[i] * gate[i];
    draw_or_keep(dropout + GATED, places[2], rows * inner, layer->kept2);
    drop(rows * inner, gated, layer->kept2, (real)dropout[GATED].scale, gated);
    layer_linear(rows, inner, hidden, gated, w + ADDED, branch);
    add_branch(rows, hidden, branch, w[ADDED + 1], NULL, 1, states);
}

/* The final norm's output, in modern->final. Returns 1 where an id lies outside its table. */
static int run_encoder(const Shape *shape, const Texts *texts, const Dropout *dropout, const uint64_t *places, const real *const *w,
                       const real *embeddings, int keep, char *memory, ModernTape *modern) {
    const int64_t tokens = texts->tokens, hidden = shape->hidden;
    Tape *tape = &modern->tape;
    lay_out_modern(shape, texts, drops_any(dropout), keep, memory, modern);
    memset(modern->zeros, 0, (size_t)(hidden > shape->intermediate ? hidden : shape->intermediate) * sizeof(real));
    for (int64_t t = 0; t < tokens; t++) {
        const int64_t id = texts->ids[t];
        if (id < 0 || id >= shape->vocabulary || texts->positions[t] < 0 || texts->positions[t] >= shape->positions) return 1;
        memcpy(modern->branch + t * hidden, embeddings ? embeddings + t * hidden : w[TABLE] + id * hidden, (size_t)hidden * sizeof(real));
    }
    normalise_rows(shape, tokens, modern->branch, w + WORD_NORM, tape->hat, tape->deviation, modern->states);
    draw_or_keep(dropout + EMBEDDINGS, places[0], tokens * hidden, tape->kept);
    drop(tokens * hidden, modern->states, tape->kept, (real)dropout[EMBEDDINGS].scale, modern->states);
    for (int64_t l = 0; l < shape->layers; l++)
        run_layer(shape, texts, dropout, places + 2 + 3 * l, w + FIRST_LAYER + OF_LAYER * l, (int)l, keep, modern);
    const real *const *after = w + FIRST_LAYER + OF_LAYER * shape->layers;
    normalise_rows(shape, modern->rows, modern->states, after + FINAL_NORM, modern->final_hat, modern->final_deviation, modern->final);
    return 0;
}

int modern_forward(const Shape *shape, const Texts *texts, const Dropout *dropout, const uint64_t *places, const real *const *w,
                   const real *embeddings, int keep, char *memory, real *logits) {
    const int64_t size = texts->size, hidden = shape->hidden;
    ModernTape modern;
    if (run_encoder(shape, texts, dropout, places, w, embeddings, keep, memory, &modern)) return 1;
    const real *const *after = w + FIRST_LAYER + OF_LAYER * shape->layers;
    real *seen = modern.seen, *pooled = modern.tape.dropped;
    if (!shape->modern->mean) memcpy(seen, modern.final, (size_t)(size * hidden) * sizeof(real));
    for (int64_t b = 0; shape->modern->mean && b < size; b++) {
        const int64_t length = length_of(texts, b);
        const real *from = modern.final + texts->first[b] * hidden;
        for (int64_t i = 0; i < hidden; i++) seen[b * hidden + i] = 0;
        for (int64_t t = 0; t < length; t++)
            for (int64_t i = 0; i < hidden; i++) seen[b * hidden + i] += from[t * hidden + i] / (real)length;
    }
    linear(size, hidden, hidden, seen, after + DENSE, pooled);
    for (int64_t b = 0; b < size; b++)
        activate((int)shape->modern->head_activation, (int)hidden, pooled + b * hidden, after[DENSE + 1] ? after[DENSE + 1] : modern.zeros, modern.head_slope + b * hidden);
    normalise_rows(shape, size, pooled, after + HEAD_NORM, modern.head_hat, modern.head_deviation, pooled);
    draw_or_keep(dropout + HEAD, places[1], size * hidden, modern.tape.kept_pooled);
    drop(size * hidden, pooled, modern.tape.kept_pooled, (real)dropout[HEAD].scale, pooled);
    linear(size, hidden, shape->labels, pooled, after + CLASSIFIER, logits);
    add_bias(size, shape->labels, after[CLASSIFIER + 1], logits);
    return 0;
}

int modern_encode(const Shape *shape, const Texts *texts, const Dropout *dropout, const uint64_t *places, const real *const *w,
                  const real *embeddings, int keep, char *memory, real *states) {
    ModernTape modern;
    if (run_encoder(shape, texts, dropout, places, w, embeddings, keep, memory, &modern)) return 1;
    memcpy(states, modern.final, (size_t)(texts->tokens * shape->hidden) * sizeof(real));
    return 0;
}

/* ---- backward ---- */

static real *part_of(real *gradient, int64_t start) { return gradient ? gradient + start : NULL; }

/* The rows of the examples' first tokens in (tokens × n) grow by (size × n). */
static void add_to_first_rows(const Texts *texts, int64_t n, const real *added, real *to) {
    for (int64_t b = 0; b < texts->size; b++)
        for (int64_t i = 0; i < n; i++) to[texts->first[b] * n + i] += added[b * n + i];
}

static void add(int64_t count, const real *restrict added, real *restrict to) {
#pragma omp simd
    for (int64_t i = 0; i < count; i++) to[i] += added[i];
}

/* From the gradient of the layer's output, in d_output, which is left as it is, to that of what the layer adds to it, in d_sum. */
static void gated_backward(const Shape *shape, const Dropout *dropout, const real *const *w, real *const *g, int l, ModernTape *modern) {
    const int64_t hidden = shape->hidden, inner = shape->intermediate;
    Tape *tape = &modern->tape;
    const Layer *layer = &tape->layer[l];
    const int64_t rows = layer->rows;
    const real *restrict gate = modern->gate[l], *restrict value = layer->inner, *restrict slope = layer->slope;
    real *restrict d_inner = tape->d_inner, *restrict d_gate = modern->d_gate;
    layer_weight_gradient(rows, inner, hidden, tape->d_output, modern->gated[l], g + ADDED, 0);
    layer_input_gradient(rows, inner, hidden, tape->d_output, w + ADDED, d_inner, 0);
    drop(rows * inner, d_inner, layer->kept2, (real)dropout[GATED].scale, d_inner);
#pragma omp simd
    for (int64_t i = 0; i < rows * inner; i++) {
        d_gate[i] = d_inner[i] * value[i];
        d_inner[i] *= gate[i] * slope[i];
    }
    real *const *own = g + INNER_AND_GATE;
    real *const other[2] = {part_of(own[0], inner * hidden), part_of(own[1], inner)};
    const real *const other_weight = w[INNER_AND_GATE] + inner * hidden;
    layer_weight_gradient(rows, hidden, inner, d_inner, layer->attended, own, 0);
    layer_weight_gradient(rows, hidden, inner, d_gate, layer->attended, other, 0);
    layer_input_gradient(rows, hidden, inner, d_inner, w + INNER_AND_GATE, tape->d_branch, 0);
    layer_input_gradient(rows, hidden, inner, d_gate, &other_weight, tape->d_branch, 1);
    normalise_backward(rows, hidden, tape->d_branch, layer->hat2, layer->deviation2, w + INNER_NORM, g + INNER_NORM, 0, NULL, 1, tape->d_sum, NULL);
}

/* The same of attention; the gradient in d_sum is (tokens × hidden) in every layer. */
static void attended_backward(const Shape *shape, const Texts *texts, const Dropout *dropout, const real *const *w, real *const *g, int l, ModernTape *modern) {
    const int64_t hidden = shape->hidden, heads = shape->heads, square = hidden * hidden, tokens = texts->tokens;
    Tape *tape = &modern->tape;
    const Layer *layer = &tape->layer[l];
    const int64_t rows = layer->rows;
    const real scale = (real)dropout[ATTENTION].scale;
    drop(rows * hidden, tape->d_output, layer->kept1, scale, tape->d_branch);
    layer_weight_gradient(rows, hidden, hidden, tape->d_branch, layer->context, g + ATTENDED, 0);
    layer_input_gradient(rows, hidden, hidden, tape->d_branch, w + ATTENDED, tape->d_sum, 0);
    attention_backward(shape, texts, layer, scale, tape->d_sum, 1, tape);
    const real *const *tables = shape->modern->rotations + 2 * l;
    if (!layer->first_only) rotate(tokens, heads, hidden / heads, texts->positions, tables, 1, tape->d_query);
    rotate(tokens, heads, hidden / heads, texts->positions, tables, 1, tape->d_key);
    real *const d[3] = {tape->d_query, tape->d_key, tape->d_value}, *const *own = g + QUERY_KEY_VALUE;
    real *d_x = w[SOURCE_NORM] ? tape->d_branch : tape->d_sum;
    for (int part = 2; part >= 0; part--) {
        const int alone = layer->first_only && part == 0;
        const int64_t asked = alone ? rows : tokens;
        const real *const weight = w[QUERY_KEY_VALUE] + part * square;
        real *const gradients[2] = {part_of(own[0], part * square), part_of(own[1], part * hidden)};
        layer_weight_gradient(asked, hidden, hidden, d[part], part ? layer->x : layer->asking, gradients, 0);
        layer_input_gradient(asked, hidden, hidden, d[part], &weight, alone ? modern->branch : d_x, !alone && part < 2);
        if (alone) add_to_first_rows(texts, hidden, modern->branch, d_x);
    }
    if (w[SOURCE_NORM])
        normalise_backward(tokens, hidden, d_x, layer->hat1, layer->deviation1, w + SOURCE_NORM, g + SOURCE_NORM, 0, NULL, 1, tape->d_sum, NULL);
}

static void run_layer_backward(const Shape *shape, const Texts *texts, const Dropout *dropout, const real *const *w, real *const *g, int l, ModernTape *modern) {
    Tape *tape = &modern->tape;
    const int64_t hidden = shape->hidden, rows = tape->layer[l].rows;
    gated_backward(shape, dropout, w, g, l, modern);
    add(rows * hidden, tape->d_sum, tape->d_output);
    attended_backward(shape, texts, dropout, w, g, l, modern);
    if (tape->layer[l].first_only) {
        real *const d_states = tape->d_sum;
        add_to_first_rows(texts, hidden, tape->d_output, d_states);
        tape->d_sum = tape->d_output;
        tape->d_output = d_states;
    } else {
        add(rows * hidden, tape->d_sum, tape->d_output);
    }
}

/* From the gradient of modern->final, in tape->d_branch, to those of the layers and the embeddings. */
static void run_encoder_backward(const Shape *shape, const Texts *texts, const Dropout *dropout, const real *const *w, real *const *g,
                                 real *d_embeddings, ModernTape *modern) {
    const int64_t tokens = texts->tokens, hidden = shape->hidden, after = FIRST_LAYER + OF_LAYER * shape->layers;
    Tape *tape = &modern->tape;
    normalise_backward(modern->rows, hidden, tape->d_branch, modern->final_hat, modern->final_deviation, w + after + FINAL_NORM, g + after + FINAL_NORM, 0, NULL, 1,
                       tape->d_output, NULL);
    int64_t wanted = 0; /* the first place in the table of gradients that is: nothing below it has to be computed */
    while (!d_embeddings && wanted < after && !g[wanted]) wanted++;
    for (int64_t l = shape->layers; l-- > 0 && wanted < FIRST_LAYER + OF_LAYER * (l + 1);)
        run_layer_backward(shape, texts, dropout, w + FIRST_LAYER + OF_LAYER * l, g + FIRST_LAYER + OF_LAYER * l, (int)l, modern);
    if (wanted >= FIRST_LAYER) return;
    drop(tokens * hidden, tape->d_output, tape->kept, (real)dropout[EMBEDDINGS].scale, tape->d_output);
    normalise_backward(tokens, hidden, tape->d_output, tape->hat, tape->deviation, w + WORD_NORM, g + WORD_NORM, 0, NULL, 1, tape->d_sum, NULL);
    if (d_embeddings) memcpy(d_embeddings, tape->d_sum, (size_t)(tokens * hidden) * sizeof(real));
    if (!g[TABLE]) return;
    memset(g[TABLE], 0, (size_t)(shape->vocabulary * hidden) * sizeof(real));
    for (int64_t t = 0; t < tokens; t++) add(hidden, tape->d_sum + t * hidden, g[TABLE] + texts->ids[t] * hidden);
}

void modern_backward(const Shape *shape, const Texts *texts, const Dropout *dropout, const real *const *w, char *memory,
                     const real *d_logits, real *const *g, real *d_embeddings) {
    const int64_t size = texts->size, hidden = shape->hidden, after = FIRST_LAYER + OF_LAYER * shape->layers;
    ModernTape modern;
    lay_out_modern(shape, texts, drops_any(dropout), 1, memory, &modern);
    Tape *tape = &modern.tape;
    real *d_pooled = tape->d_branch, *d_dense = tape->d_sum, *d_seen = tape->d_output;
    weight_gradient(size, hidden, shape->labels, d_logits, tape->dropped, g + after + CLASSIFIER, 0);
    input_gradient(size, hidden, shape->labels, d_logits, w + after + CLASSIFIER, d_pooled, 0);
    drop(size * hidden, d_pooled, tape->kept_pooled, (real)dropout[HEAD].scale, d_pooled);
    normalise_backward(size, hidden, d_pooled, modern.head_hat, modern.head_deviation, w + after + HEAD_NORM, g + after + HEAD_NORM, 0, NULL, 1, d_dense, NULL);
    for (int64_t i = 0; i < size * hidden; i++) d_dense[i] *= modern.head_slope[i];
    weight_gradient(size, hidden, hidden, d_dense, modern.seen, g + after + DENSE, 0);
    input_gradient(size, hidden, hidden, d_dense, w + after + DENSE, d_seen, 0);
    if (!shape->modern->mean) memcpy(tape->d_branch, d_seen, (size_t)(size * hidden) * sizeof(real));
    for (int64_t b = 0; shape->modern->mean && b < size; b++) {
        const int64_t length = length_of(texts, b);
        real *to = tape->d_branch + texts->first[b] * hidden;
        for (int64_t t = 0; t < length; t++)
            for (int64_t i = 0; i < hidden; i++) to[t * hidden + i] = d_seen[b * hidden + i] / (real)length;
    }
    run_encoder_backward(shape, texts, dropout, w, g, d_embeddings, &modern);
}

void modern_encode_backward(const Shape *shape, const Texts *texts, const Dropout *dropout, const real *const *w, char *memory,
                            const real *d_states, real *const *g, real *d_embeddings) {
    ModernTape modern;
    lay_out_modern(shape, texts, drops_any(dropout), 1, memory, &modern);
    memcpy(modern.tape.d_branch, d_states, (size_t)(texts->tokens * shape->hidden) * sizeof(real));
    run_encoder_backward(shape, texts, dropout, w, g, d_embeddings, &modern);
}
