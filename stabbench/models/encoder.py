"""The encoder as a function of its weights: BERT, RoBERTa and ALBERT, `S` runs at once, without padding.

Weights are a mapping of Hugging Face names to tensors with a leading run axis `[S, …]`. Tokens of a batch are
concatenated; only attention sees single examples. The last layer is computed for the first token alone where nothing
else is asked for: the classifier reads nothing else (exact, gradients included).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from stabbench.models.architecture import Architecture
from stabbench.models.batch import Batch
from stabbench.models.dropout import Dropout
from stabbench.models.kernel.function import classify as classify_compiled
from stabbench.models.kernel.function import hidden_states as states_compiled

Weights = Mapping[str, Tensor]


def linear(values: Tensor, weights: Weights, name: str) -> Tensor:
    """`(S, rows, in)` through each run's own linear layer: `(S, rows, out)`."""
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    if values.shape[0] == 1:
        return F.linear(values.squeeze(0), weight.squeeze(0), bias.squeeze(0)).unsqueeze(0)
    return torch.baddbmm(bias.unsqueeze(1), values, weight.transpose(1, 2))


def layer_norm(values: Tensor, weights: Weights, name: str, eps: float) -> Tensor:
    """LayerNorm over the last axis of `(S, rows, H)` with each run's own scale and shift."""
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    size = (values.shape[-1],)
    if values.shape[0] == 1:
        return F.layer_norm(values, size, weight.squeeze(0), bias.squeeze(0), eps)
    return F.layer_norm(values, size, eps=eps) * weight.unsqueeze(1) + bias.unsqueeze(1)


def activate(values: Tensor, activation: str) -> Tensor:
    """The feed-forward activation by its Hugging Face name."""
    if activation == "gelu":
        return F.gelu(values)
    if activation in ("gelu_new", "gelu_pytorch_tanh"):
        return F.gelu(values, approximate="tanh")
    return F.relu(values) if activation == "relu" else F.silu(values)


def lookup(table: Tensor, ids: Tensor) -> Tensor:
    """Rows `ids` `(S, T)` of each run's own table `(S, V, E)`: `(S, T, E)`."""
    runs, size, width = table.shape
    if runs == 1:
        return F.embedding(ids, table.squeeze(0))
    shifted = ids + torch.arange(runs, device=ids.device).unsqueeze(1) * size
    return F.embedding(shifted, table.reshape(runs * size, width))


@dataclass(frozen=True)
class Encoder:
    """The computation of an architecture; it holds no weights."""

    architecture: Architecture

    def embed(self, weights: Weights, batch: Batch) -> Tensor:
        """Word embeddings of the tokens, shape `(S, T, E)`: what adversarial strategies perturb."""
        return lookup(weights[f"{self.architecture.prefix}.embeddings.word_embeddings.weight"], batch.ids)

    def classify(
        self, weights: Weights, batch: Batch, dropout: Dropout | None = None, embeddings: Tensor | None = None
    ) -> Tensor:
        """Logits of the classifier, shape `(S, B, labels)`; one run on a CPU is computed by the compiled kernel."""
        architecture = self.architecture
        compiled = classify_compiled(architecture, weights, batch, dropout, embeddings)
        if compiled is not None:
            return compiled
        first = self.hidden_states(weights, batch, dropout, embeddings, first_only=True)
        pooled = torch.tanh(linear(first, weights, architecture.pooler))
        if dropout is not None:
            pooled = dropout.rows(pooled, "classifier", [batch.size] * batch.runs)
        return linear(pooled, weights, architecture.classifier)

    def hidden_states(
        self,
        weights: Weights,
        batch: Batch,
        dropout: Dropout | None = None,
        embeddings: Tensor | None = None,
        *,
        first_only: bool,
    ) -> Tensor:
        """The last layer's output: `(S, B, H)` for the first tokens, else `(S, T, H)` for all of them."""
        architecture = self.architecture
        compiled = None if first_only else states_compiled(architecture, weights, batch, dropout, embeddings)
        if compiled is not None:
            return compiled
        states = self._embedding_layer(weights, batch, dropout, embeddings)
        for index in range(architecture.layers):
            last = first_only and index == architecture.layers - 1
            states = self._layer(weights, batch, dropout, states, index, first_only=last)
        return states

    def _embedding_layer(
        self, weights: Weights, batch: Batch, dropout: Dropout | None, embeddings: Tensor | None
    ) -> Tensor:
        architecture = self.architecture
        prefix = f"{architecture.prefix}.embeddings"
        words = self.embed(weights, batch) if embeddings is None else embeddings
        places = lookup(weights[f"{prefix}.position_embeddings.weight"], batch.positions + architecture.position_offset)
        segments = lookup(weights[f"{prefix}.token_type_embeddings.weight"], batch.segments)
        states = layer_norm(words + places + segments, weights, f"{prefix}.LayerNorm", architecture.layer_norm_eps)
        if dropout is not None:
            states = dropout.rows(states, "embeddings", batch.tokens)
        if architecture.shares_layers:
            states = linear(states, weights, f"{architecture.prefix}.encoder.embedding_hidden_mapping_in")
        return states

    def _layer(
        self, weights: Weights, batch: Batch, dropout: Dropout | None, states: Tensor, index: int, *, first_only: bool
    ) -> Tensor:
        architecture = self.architecture
        names, place, eps = architecture.layer(index), f"layer.{index}", architecture.layer_norm_eps
        counts: Sequence[int] = batch.tokens
        keys = linear(states, weights, names["key"])
        values = linear(states, weights, names["value"])
        if first_only:
            states = _rows(states, batch.first).view(batch.runs, batch.size, -1)
            counts = [batch.size] * batch.runs
        queries = linear(states, weights, names["query"])
        context = _attention(queries, keys, values, batch, architecture.heads, dropout, place, first_only=first_only)
        attended = linear(context, weights, names["attention_output"])
        if dropout is not None:
            attended = dropout.rows(attended, f"{place}.attention.output", counts)
        states = layer_norm(states + attended, weights, names["attention_norm"], eps)
        inner = activate(linear(states, weights, names["intermediate"]), architecture.activation)
        output = linear(inner, weights, names["output"])
        if dropout is not None:
            output = dropout.rows(output, f"{place}.output", counts)
        return layer_norm(states + output, weights, names["output_norm"], eps)


def _attention(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    batch: Batch,
    heads: int,
    dropout: Dropout | None,
    place: str,
    *,
    first_only: bool,
) -> Tensor:
    """Softmax attention of each example over its own tokens, bucket by bucket; same shape as `queries`."""
    width = queries.shape[-1]
    size = width // heads
    grouping = batch.grouping
    forward, backward = (grouping.order, grouping.unorder) if first_only else (grouping.regroup, grouping.ungroup)
    grouped_queries = _rows(queries, forward).mul(1 / math.sqrt(size))
    grouped_keys, grouped_values = _rows(keys, grouping.regroup), _rows(values, grouping.regroup)
    factors = (
        [None] * len(grouping.buckets)
        if dropout is None
        else dropout.attention(batch, queries, f"{place}.attention.probabilities", heads, 1 if first_only else None)
    )
    contexts = []
    start = 0
    for bucket, factor in zip(grouping.buckets, factors, strict=True):
        asked = 1 if first_only else bucket.length
        stop = start + bucket.examples * asked

        def split(rows: Tensor, positions: int, examples: int = bucket.examples) -> Tensor:
            return rows.view(examples, positions, heads, size).transpose(1, 2)

        scores = split(grouped_queries[start:stop], asked) @ split(
            grouped_keys[bucket.start : bucket.stop], bucket.length
        ).transpose(2, 3)
        if bucket.mask is not None:
            scores = scores + bucket.mask
        probabilities = torch.softmax(scores, dim=-1)
        if factor is not None:
            probabilities = probabilities * factor
        context = probabilities @ split(grouped_values[bucket.start : bucket.stop], bucket.length)
        contexts.append(context.transpose(1, 2).reshape(-1, width))
        start = stop
    joined = contexts[0] if len(contexts) == 1 else torch.cat(contexts)
    return joined.index_select(0, backward).view_as(queries)


def _rows(values: Tensor, rows: Tensor) -> Tensor:
    """Flat rows of `(S, T, H)`: `(len(rows), H)`."""
    return values.reshape(-1, values.shape[-1]).index_select(0, rows)
