/* ModernBERT: what encoder.c hands over to modern.c. */
#pragma once
#include "layout.h"

/* What such a model has beside its sizes; arrays have an entry a layer. */
struct Modern {
    int64_t head_activation, mean; /* mean: the head sees the mean of a text's tokens, else its first token */
    const int64_t *windows;        /* how many places away a token sees others, negative: all of its text */
    const real *const *rotations;  /* two a layer: see `rotate` */
};

int64_t modern_tape_bytes(const Shape *shape, const Texts *texts, int drops, int keep);
int modern_forward(const Shape *shape, const Texts *texts, const Dropout *dropout, const uint64_t *places, const real *const *w,
                   const real *embeddings, int keep, char *memory, real *logits);
int modern_encode(const Shape *shape, const Texts *texts, const Dropout *dropout, const uint64_t *places, const real *const *w,
                  const real *embeddings, int keep, char *memory, real *states);
void modern_backward(const Shape *shape, const Texts *texts, const Dropout *dropout, const real *const *w, char *memory,
                     const real *d_logits, real *const *g, real *d_embeddings);
void modern_encode_backward(const Shape *shape, const Texts *texts, const Dropout *dropout, const real *const *w, char *memory,
                            const real *d_states, real *const *g, real *d_embeddings);
