/* Forward and backward of one run's encoder, pooler and classifier on one thread, without padding.

   Compiled once with REAL=float and once with REAL=double. Matrices are row-major; a linear layer is y = x W' + b. What the
   backward pass needs of the forward pass lies on a tape: one block of memory whose layout follows from shape and texts. */
#include "attention.h"
#include "linear.h"
#include "modern.h"
#include "norm.h"

enum { OF_HIDDEN, OF_ATTENTION, OF_HEAD }; /* the dropout of each kind of place */

static int drops_somewhere(const Dropout *dropout) {
    return dropout[OF_HIDDEN].threshold > 0 || dropout[OF_ATTENTION].threshold > 0 || dropout[OF_HEAD].threshold > 0;
}

/* Bytes of the tape, to be allocated at a multiple of 64. */
int64_t tape_bytes(const Shape *shape, const Texts *texts, int drops, int keep) {
    if (shape->modern) return modern_tape_bytes(shape, texts, drops, keep);
    Tape tape;
    lay_out(shape, texts, drops, keep, NULL, &tape);
    return (int64_t)(uintptr_t)tape.end + 64;
}

/* ---- forward ---- */

/* y = LayerNorm(residual + dropout(branch + bias)) */
static void add_and_normalise(const Shape *shape, int64_t rows, const real *branch, const real *restrict bias, const real *residual,
                              const uint8_t *kept, real scale, const real *const *norm, real *hat, real *deviation, real *y) {
    const int64_t n = shape->hidden;
    for (int64_t t = 0; t < rows; t++) {
        const real *from = branch + t * n, *past = residual + t * n;
        real *to = hat + t * n;
        if (kept) {
            const uint8_t *mask = kept + t * n;
#pragma omp simd
            for (int64_t i = 0; i < n; i++) to[i] = past[i] + (from[i] + bias[i]) * ((real)mask[i] * scale);
        } else {
#pragma omp simd
            for (int64_t i = 0; i < n; i++) to[i] = past[i] + (from[i] + bias[i]);
        }
        deviation[t] = normalise(n, shape->eps, norm, to, y + t * n);
    }
}

static void run_layer(const Shape *shape, const Texts *texts, const Dropout *dropout, const uint64_t *places, const real *const *w,
                      int keep, const Layer *layer, real *const *scratch) {
    const int64_t hidden = shape->hidden, inner = shape->intermediate, rows = layer->rows;
    const real scale = (real)dropout[OF_HIDDEN].scale, attention_scale = (real)dropout[OF_ATTENTION].scale;
    if (layer->kept2) {
        int64_t pairs = 0;
        for (int64_t b = 0; b < texts->size; b++) {
            const int64_t length = length_of(texts, b);
            pairs += shape->heads * length * (layer->first_only ? 1 : length);
        }
        draw(dropout + OF_ATTENTION, places[0], pairs, layer->kept_probabilities);
        if (layer->kept1) draw(dropout + OF_HIDDEN, places[1], rows * hidden, layer->kept1);
        draw(dropout + OF_HIDDEN, places[2], rows * hidden, layer->kept2);
    }
    if (layer->first_only)
        for (int64_t b = 0; b < rows; b++) memcpy(layer->asking + b * hidden, layer->x + texts->first[b] * hidden, (size_t)hidden * sizeof(real));
    layer_linear(rows, hidden, hidden, layer->asking, w + QUERY, layer->query);
    add_bias(rows, hidden, w[QUERY + 1], layer->query);
    if (layer->first_only) {
        first_attention(shape, texts, layer, w, attention_scale);
    } else {
        layer_linear(rows, hidden, hidden, layer->x, w + KEY, layer->key);
        layer_linear(rows, hidden, hidden, layer->x, w + VALUE, layer->value);
        add_bias(rows, hidden, w[KEY + 1], layer->key);
        add_bias(rows, hidden, w[VALUE + 1], layer->value);
        attention(shape, texts, layer, keep, attention_scale, scratch);
    }
    layer_linear(rows, hidden, hidden, layer->context, w + PROJECTION, layer->attended);
    add_and_normalise(shape, rows, layer->attended, w[PROJECTION + 1], layer->asking, layer->kept1, scale, w + ATTENTION_NORM,
                      layer->hat1, layer->deviation1, layer->attended);
    layer_linear(rows, hidden, inner, layer->attended, w + INTERMEDIATE, layer->inner);
    for (int64_t t = 0; t < rows; t++)
        activate((int)shape->activation, (int)inner, layer->inner + t * inner, w[INTERMEDIATE + 1], layer->slope + (keep ? t * inner : 0));
    layer_linear(rows, inner, hidden, layer->inner, w + OUTPUT, layer->output);
    add_and_normalise(shape, rows, layer->output, w[OUTPUT + 1], layer->attended, layer->kept2, scale, w + OUTPUT_NORM, layer->hat2,
                      layer->deviation2, layer->output);
}

/* The last layer's output, on the tape. `embeddings` (tokens × embedding) stand in for the word table's rows where given.
   `places`: of the embeddings, what the pooler is given, the classifier, then three a layer. Returns 1 where an id lies outside its table. */
static int run_encoder(const Shape *shape, const Texts *texts, const Dropout *dropout, const uint64_t *places, const real *const *w,
                       const real *embeddings, int keep, char *memory, Tape *tape) {
    const int64_t tokens = texts->tokens, size = texts->size, hidden = shape->hidden, width = shape->embedding;
    const int drops = drops_somewhere(dropout);
    lay_out(shape, texts, drops, keep, memory, tape);
    if (drops) draw(dropout + OF_HIDDEN, places[0], tokens * width, tape->kept);
    for (int64_t b = 0; b < size; b++) {
        for (int64_t t = texts->first[b]; t < texts->first[b] + length_of(texts, b); t++) {
            const int64_t id = texts->ids[t], segment = texts->segments[t], place = shape->position_offset + texts->positions[t];
            if (id < 0 || id >= shape->vocabulary || place < 0 || place >= shape->positions) return 1;
            if (shape->segments && (segment < 0 || segment >= shape->segments)) return 1;
            const real *word = embeddings ? embeddings + t * width : w[WORD] + id * width;
            const real *position = w[POSITION] + place * width, *kind = shape->segments ? w[SEGMENT] + segment * width : NULL;
            real *hat = tape->hat + t * width, *y = tape->embedded + t * width;
            if (kind) {
#pragma omp simd
                for (int64_t i = 0; i < width; i++) hat[i] = word[i] + position[i] + kind[i];
            } else {
#pragma omp simd
                for (int64_t i = 0; i < width; i++) hat[i] = word[i] + position[i];
            }
            tape->deviation[t] = normalise(width, shape->eps, w + EMBEDDING_NORM, hat, y);
            if (drops) drop(width, y, tape->kept + t * width, (real)dropout[OF_HIDDEN].scale, y);
        }
    }
    if (shape->mapped) {
        linear(tokens, width, hidden, tape->embedded, w + MAPPING, tape->layer[0].x);
        add_bias(tokens, hidden, w[MAPPING + 1], tape->layer[0].x);
    }
    for (int64_t l = 0; l < shape->layers; l++)
        run_layer(shape, texts, dropout, places + 3 + 3 * l, w + LAYERS + TENSORS * l, keep, &tape->layer[l], tape->head);
    return 0;
}

/* Logits of the classifier (size × labels). */
int forward(const Shape *shape, const Texts *texts, const Dropout *dropout, const uint64_t *places, const real *const *w,
            const real *embeddings, int keep, char *memory, real *logits) {
    if (shape->modern) return modern_forward(shape, texts, dropout, places, w, embeddings, keep, memory, logits);
    const int64_t size = texts->size, hidden = shape->hidden;
    Tape tape;
    if (run_encoder(shape, texts, dropout, places, w, embeddings, keep, memory, &tape)) return 1;
    const int drops = drops_somewhere(dropout);
    const real scale = (real)dropout[OF_HEAD].scale;
    const real *const *pooler = w + LAYERS + TENSORS * shape->layers, *const *classifier = pooler + 2;
    if (tape.kept_given) {
        draw(dropout + OF_HEAD, places[1], size * hidden, tape.kept_given);
        drop(size * hidden, tape.layer[shape->layers - 1].output, tape.kept_given, scale, tape.given);
    }
    linear(size, hidden, hidden, tape.given, pooler, tape.pooled);
    for (int64_t b = 0; b < size; b++) {
        real *row = tape.pooled + b * hidden, *slope = tape.pooled_slope + b * hidden;
        if (shape->head_activation != TANH) {
            activate((int)shape->head_activation, (int)hidden, row, pooler[1], slope);
            continue;
        }
        for (int64_t i = 0; i < hidden; i++) {
            row[i] = (real)tanh((double)(row[i] + pooler[1][i]));
            slope[i] = 1 - row[i] * row[i];
        }
    }
    if (drops) draw(dropout + OF_HEAD, places[2], size * hidden, tape.kept_pooled);
    drop(size * hidden, tape.pooled, tape.kept_pooled, scale, tape.dropped);
    linear(size, hidden, shape->labels, tape.dropped, classifier, logits);
    add_bias(size, shape->labels, classifier[1], logits);
    return 0;
}

/* The last layer's output for every token (tokens × hidden); `shape->every` has to be set. */
int encode(const Shape *shape, const Texts *texts, const Dropout *dropout, const uint64_t *places, const real *const *w,
           const real *embeddings, int keep, char *memory, real *states) {
    if (shape->modern) return modern_encode(shape, texts, dropout, places, w, embeddings, keep, memory, states);
    Tape tape;
    if (run_encoder(shape, texts, dropout, places, w, embeddings, keep, memory, &tape)) return 1;
    memcpy(states, tape.layer[shape->layers - 1].output, (size_t)(texts->tokens * shape->hidden) * sizeof(real));
    return 0;
}

/* ---- backward ---- */

/* Of a weight, or of the factors of its change, and of a bias. */
static void layer_gradients(int64_t rows, int64_t in, int64_t out, const real *dy, const real *x, real *const *g, const Factors *const *factors,
                            int more) {
    layer_weight_gradient(rows, in, out, dy, x, g, more);
    if (factors && *factors) factor_gradients(rows, in, out, dy, out, x, in, *factors, 0, more, more);
}

/* `below`: whether the gradient of the layer's input is wanted, too. */
static void run_layer_backward(const Shape *shape, const Texts *texts, real scale, real attention_scale, const real *const *w,
                               real *const *g, int more, int below,
                               const Layer *layer, Tape *tape) {
    const int64_t hidden = shape->hidden, inner = shape->intermediate, rows = layer->rows;
    const Factors *const *f = tape->factors ? tape->factors + LAYERS + TENSORS * (layer - tape->layer) : NULL;
    real *d_output = tape->d_output, *d_sum = tape->d_sum, *d_branch = tape->d_branch, *d_inner = tape->d_inner;
    normalise_backward(rows, hidden, d_output, layer->hat2, layer->deviation2, w + OUTPUT_NORM, g + OUTPUT_NORM, more, layer->kept2, scale, d_sum, d_branch);
    layer_gradients(rows, inner, hidden, d_branch, layer->inner, g + OUTPUT, f ? f + OUTPUT : NULL, more);
    layer_input_gradient(rows, inner, hidden, d_branch, w + OUTPUT, d_inner, 0);
#pragma omp simd
    for (int64_t i = 0; i < rows * inner; i++) d_inner[i] *= layer->slope[i];
    layer_gradients(rows, hidden, inner, d_inner, layer->attended, g + INTERMEDIATE, f ? f + INTERMEDIATE : NULL, more);
    layer_input_gradient(rows, hidden, inner, d_inner, w + INTERMEDIATE, d_sum, 1);
    normalise_backward(rows, hidden, d_sum, layer->hat1, layer->deviation1, w + ATTENTION_NORM, g + ATTENTION_NORM, more, layer->kept1, scale, d_output, d_branch);
    layer_gradients(rows, hidden, hidden, d_branch, layer->context, g + PROJECTION, f ? f + PROJECTION : NULL, more);
    layer_input_gradient(rows, hidden, hidden, d_branch, w + PROJECTION, d_sum, 0);
    if (layer->first_only) first_attention_backward(shape, texts, layer, w, g, f, more, attention_scale, d_sum, tape);
    else attention_backward(shape, texts, layer, attention_scale, d_sum, below || g[KEY] || g[KEY + 1] || (f && f[KEY]), tape);
    layer_gradients(rows, hidden, hidden, tape->d_query, layer->asking, g + QUERY, f ? f + QUERY : NULL, more);
    if (below) layer_input_gradient(rows, hidden, hidden, tape->d_query, w + QUERY, d_output, 1);
    if (layer->first_only) {
        for (int64_t b = 0; b < rows; b++) {
            real *to = tape->d_branch + texts->first[b] * hidden;
            for (int64_t i = 0; i < hidden; i++) to[i] += d_output[b * hidden + i];
        }
        tape->d_output = tape->d_branch;
        tape->d_branch = d_output;
        return;
    }
    layer_gradients(rows, hidden, hidden, tape->d_key, layer->x, g + KEY, f ? f + KEY : NULL, more);
    layer_gradients(rows, hidden, hidden, tape->d_value, layer->x, g + VALUE, f ? f + VALUE : NULL, more);
    if (!below) return;
    layer_input_gradient(rows, hidden, hidden, tape->d_key, w + KEY, d_output, 1);
    layer_input_gradient(rows, hidden, hidden, tape->d_value, w + VALUE, d_output, 1);
}

/* The first place in the table of gradients that is wanted: nothing below it has to be computed. */
static int64_t first_wanted(const Shape *shape, real *const *g, const Factors *const *factors, const real *d_embeddings) {
    int64_t place = 0;
    if (d_embeddings) return 0;
    while (place < LAYERS + TENSORS * shape->layers && !g[place] && !(factors && factors[place])) place++;
    return place;
}

/* From the gradient of the last layer's output (in tape->d_output) to those of the layers and the embeddings. */
static void run_encoder_backward(const Shape *shape, const Texts *texts, const Dropout *dropout, const real *const *w, real *const *g,
                                 real *d_embeddings, Tape *tape) {
    const int64_t tokens = texts->tokens, hidden = shape->hidden, width = shape->embedding;
    const real scale = (real)dropout[OF_HIDDEN].scale, attention_scale = (real)dropout[OF_ATTENTION].scale;
    const int64_t wanted = first_wanted(shape, g, tape->factors, d_embeddings);
    for (int64_t l = shape->layers; l-- > 0 && wanted < LAYERS + TENSORS * (l + 1);)
        run_layer_backward(shape, texts, scale, attention_scale, w + LAYERS + TENSORS * l, g + LAYERS + TENSORS * l,
                           shape->shared && l + 1 < shape->layers, wanted < LAYERS + (shape->shared && l ? TENSORS : TENSORS * l),
                           &tape->layer[l], tape);
    if (wanted >= LAYERS) return;
    real *d_y = tape->d_output, *d_sum = tape->d_sum;
    if (shape->mapped) {
        weight_gradient(tokens, width, hidden, d_y, tape->embedded, g + MAPPING, 0);
        input_gradient(tokens, width, hidden, d_y, w + MAPPING, tape->d_branch, 0);
        d_y = tape->d_branch;
    }
    drop(tokens * width, d_y, tape->kept, scale, d_y);
    normalise_backward(tokens, width, d_y, tape->hat, tape->deviation, w + EMBEDDING_NORM, g + EMBEDDING_NORM, 0, NULL, 1, d_sum, NULL);
    if (d_embeddings) memcpy(d_embeddings, d_sum, (size_t)(tokens * width) * sizeof(real));
    const int64_t table_rows[3] = {shape->vocabulary, shape->positions, shape->segments};
    for (int table = WORD; table <= SEGMENT; table++) {
        if (!g[table]) continue;
        memset(g[table], 0, (size_t)(table_rows[table] * width) * sizeof(real));
        for (int64_t b = 0; b < texts->size; b++) {
            for (int64_t t = texts->first[b]; t < texts->first[b] + length_of(texts, b); t++) {
                const int64_t place = shape->position_offset + texts->positions[t];
                real *to = g[table] + (table == WORD ? texts->ids[t] : table == POSITION ? place : texts->segments[t]) * width;
                for (int64_t i = 0; i < width; i++) to[i] += d_sum[t * width + i];
            }
        }
    }
}

static void backward_to(const Shape *shape, const Texts *texts, const Dropout *dropout, const real *const *w, char *memory, const real *d_logits,
                        real *const *g, const Factors *const *factors, real *d_embeddings) {
    const int64_t size = texts->size, hidden = shape->hidden;
    const real scale = (real)dropout[OF_HEAD].scale;
    Tape tape;
    lay_out(shape, texts, drops_somewhere(dropout), 1, memory, &tape);
    tape.factors = factors;
    const int64_t pooler = LAYERS + TENSORS * shape->layers, classifier = pooler + 2;
    real *d_pooled = tape.d_branch;
    weight_gradient(size, hidden, shape->labels, d_logits, tape.dropped, g + classifier, 0);
    input_gradient(size, hidden, shape->labels, d_logits, w + classifier, d_pooled, 0);
    drop(size * hidden, d_pooled, tape.kept_pooled, scale, d_pooled);
    for (int64_t i = 0; i < size * hidden; i++) d_pooled[i] *= tape.pooled_slope[i];
    weight_gradient(size, hidden, hidden, d_pooled, tape.given, g + pooler, 0);
    input_gradient(size, hidden, hidden, d_pooled, w + pooler, tape.d_output, 0);
    drop(size * hidden, tape.d_output, tape.kept_given, scale, tape.d_output);
    run_encoder_backward(shape, texts, dropout, w, g, d_embeddings, &tape);
}

/* Gradients of sum(d_logits · logits); every pointer in `g` may be NULL. `d_embeddings` where `embeddings` were given. */
void backward(const Shape *shape, const Texts *texts, const Dropout *dropout, const real *const *w, char *memory, const real *d_logits,
              real *const *g, real *d_embeddings) {
    if (shape->modern) modern_backward(shape, texts, dropout, w, memory, d_logits, g, d_embeddings);
    else backward_to(shape, texts, dropout, w, memory, d_logits, g, NULL, d_embeddings);
}

/* The same from the gradient of `encode`'s states. */
void encode_backward(const Shape *shape, const Texts *texts, const Dropout *dropout, const real *const *w, char *memory,
                     const real *d_states, real *const *g, real *d_embeddings) {
    if (shape->modern) {
        modern_encode_backward(shape, texts, dropout, w, memory, d_states, g, d_embeddings);
        return;
    }
    Tape tape;
    lay_out(shape, texts, drops_somewhere(dropout), 1, memory, &tape);
    memcpy(tape.d_output, d_states, (size_t)(texts->tokens * shape->hidden) * sizeof(real));
    run_encoder_backward(shape, texts, dropout, w, g, d_embeddings, &tape);
}

/* Loss (mean cross-entropy) and all gradients; `logits` has size × labels places. `factors` (NULL: none) are those of weights of the
   layers, in their places, whose own gradients are not wanted. Returns 1 as `forward` does. */
int loss_and_gradients(const Shape *shape, const Texts *texts, const int64_t *classes, const Dropout *dropout, const uint64_t *places,
                       const real *const *w, char *memory, real *logits, real *const *g, const Factors *const *factors, double *loss) {
    for (int64_t b = 0; b < texts->size; b++)
        if (classes[b] < 0 || classes[b] >= shape->labels) return 1;
    if (forward(shape, texts, dropout, places, w, NULL, 1, memory, logits)) return 1;
    *loss = 0;
    for (int64_t b = 0; b < texts->size; b++) {
        real *row = logits + b * shape->labels;
        double most = row[0], sum = 0;
        for (int64_t i = 1; i < shape->labels; i++) most = row[i] > most ? row[i] : most;
        for (int64_t i = 0; i < shape->labels; i++) sum += exp(row[i] - most);
        *loss += (log(sum) - (row[classes[b]] - most)) / (double)texts->size;
        for (int64_t i = 0; i < shape->labels; i++)
            row[i] = (real)((exp(row[i] - most) / sum - (i == classes[b])) / (double)texts->size);
    }
    if (shape->modern) modern_backward(shape, texts, dropout, w, memory, logits, g, NULL);
    else backward_to(shape, texts, dropout, w, memory, logits, g, factors, NULL);
    return 0;
}

/* C = op(A) op(B) as the layers compute it: for tests and benchmarks. */
void multiply(int ta, int tb, int64_t m, int64_t n, int64_t k, const real *a, int64_t lda, const real *b, int64_t ldb, int more, real *c) {
    layer_product(ta, tb, m, n, k, a, lda, b, ldb, more, c, n);
}

/* Whether this process may compute with the library: the system has to lend it AMX's tiles. */
int allowed(void) {
#ifdef LOWER_PRODUCTS
    return tiles_allowed();
#else
    return 1;
#endif
}

/* The 16-bit draws as the masks take them: for the tests. */
void draw_kept(const Dropout *dropout, uint64_t place, int64_t count, uint8_t *kept) { draw(dropout + OF_HIDDEN, place, count, kept); }
