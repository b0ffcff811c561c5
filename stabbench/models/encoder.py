"""The encoder as a function of its weights: BERT, RoBERTa and ALBERT, `S` runs at once, without padding.

Weights are a mapping of Hugging Face names to tensors with a leading run axis `[S, …]`. Tokens of a batch are
concatenated; only attention sees single examples. The last layer is computed for the first token where that suffices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from stabbench.models.architecture import Architecture
from stabbench.models.batch import Batch, Grouping, Spans
from stabbench.models.device_batch import DeviceBatch
from stabbench.models.dropout import DeviceDropout, Dropout, dropped
from stabbench.models.kernel.function import compute
from stabbench.models.variable_length import attend, usable

Weights = Mapping[str, Tensor]
AnyBatch = Batch | DeviceBatch
AnyDropout = Dropout | DeviceDropout


def linear(values: Tensor, weights: Weights, name: str, products: torch.dtype | None = None) -> Tensor:
    """`(S, rows, in)` through each run's own linear layer: `(S, rows, out)`, in the type `products` if given."""
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    if products is not None:
        values, weight, bias = values.to(products), weight.to(products), bias.to(products)
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


class _Exchange(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, there: Tensor, back: Tensor, idle: Tensor | None) -> Tensor:
        ctx.save_for_backward(back, idle)
        return values.index_select(0, there)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None, None]:
        back, idle = ctx.saved_tensors
        found = slope.index_select(0, back)
        return (found if idle is None else found.masked_fill(idle, 0)), None, None, None


def _exchange(values: Tensor, there: Tensor, back: Tensor, idle: Tensor | None) -> Tensor:
    """The rows `there` of `(rows, H)`, of which `back` tells the place of each in the result; `idle` rows have none.

    A row that is taken more than once matters at that place alone: its gradient is found there, and nothing adds up.
    """
    exchanged: Tensor = _Exchange.apply(values, there, back, idle)  # type: ignore[no-untyped-call]
    return exchanged


class Kept(NamedTuple):
    """What dropout keeps in one layer, and the scale of that; None where nothing is dropped."""

    probabilities: list[Tensor] | None
    attended: Tensor | None
    output: Tensor | None
    scale: float


@dataclass(frozen=True)
class Encoder:
    """The computation of an architecture; it holds no weights.

    `products` is the type of the layers' matrix products where it is not that of the weights; normalisation, softmax,
    residual sums and the classifier stay in the weights' type. `layer` is `encoder_layer`, or that compiled.
    """

    architecture: Architecture
    products: torch.dtype | None = None
    layer: Callable[..., Tensor] | None = None

    def embed(self, weights: Weights, batch: AnyBatch) -> Tensor:
        """Word embeddings of the tokens, shape `(S, T, E)`: what adversarial strategies perturb."""
        return lookup(weights[self.architecture.word_embeddings], batch.ids)

    def classify(
        self, weights: Weights, batch: AnyBatch, dropout: AnyDropout | None = None, embeddings: Tensor | None = None
    ) -> Tensor:
        """Logits of the classifier, shape `(S, B, labels)`; one run on a CPU is computed by the compiled kernel."""
        architecture = self.architecture
        compiled = compute(architecture, self.products, weights, batch, dropout, embeddings, every=False)
        if compiled is not None:
            return compiled
        first = self.hidden_states(weights, batch, dropout, embeddings, first_only=True)
        pooled = torch.tanh(linear(first, weights, architecture.pooler))
        if dropout is not None:
            pooled = dropped(pooled, dropout.rows("classifier", [batch.size] * batch.runs, pooled), dropout.scale)
        return linear(pooled, weights, architecture.classifier)

    def hidden_states(
        self,
        weights: Weights,
        batch: AnyBatch,
        dropout: AnyDropout | None = None,
        embeddings: Tensor | None = None,
        *,
        first_only: bool,
    ) -> Tensor:
        """The last layer's output: `(S, B, H)` for the first tokens, else `(S, T, H)` for all of them."""
        architecture = self.architecture
        if not first_only:
            compiled = compute(architecture, self.products, weights, batch, dropout, embeddings, every=True)
            if compiled is not None:
                return compiled
        states = self._embedding_layer(weights, batch, dropout, embeddings)
        for index in range(architecture.layers):
            last = first_only and index == architecture.layers - 1
            states = self._layer(weights, batch, dropout, states, index, first_only=last)
        return states

    def _embedding_layer(
        self, weights: Weights, batch: AnyBatch, dropout: AnyDropout | None, embeddings: Tensor | None
    ) -> Tensor:
        architecture = self.architecture
        prefix = f"{architecture.prefix}.embeddings"
        words = self.embed(weights, batch) if embeddings is None else embeddings
        places = lookup(weights[f"{prefix}.position_embeddings.weight"], batch.positions + architecture.position_offset)
        segments = lookup(weights[f"{prefix}.token_type_embeddings.weight"], batch.segments)
        states = layer_norm(words + places + segments, weights, f"{prefix}.LayerNorm", architecture.layer_norm_eps)
        if dropout is not None:
            states = dropped(states, dropout.rows("embeddings", batch.tokens, states), dropout.scale)
        if architecture.shares_layers:
            states = linear(states, weights, f"{architecture.prefix}.encoder.embedding_hidden_mapping_in")
        return states

    def _layer(
        self,
        weights: Weights,
        batch: AnyBatch,
        dropout: AnyDropout | None,
        states: Tensor,
        index: int,
        *,
        first_only: bool,
    ) -> Tensor:
        architecture = self.architecture
        names = architecture.layer(index)
        own = {
            f"{part}.{kind}": weights[f"{name}.{kind}"] for part, name in names.items() for kind in ("weight", "bias")
        }
        first = batch.first if first_only else None
        kept = self._kept(batch, dropout, states, index, first_only=first_only)
        size = architecture.hidden_size // architecture.heads
        exact = kept.probabilities is None and self.layer is None
        flash = exact and usable(states.device, self.products, size)
        places = batch.spans if flash else batch.grouping
        return (self.layer or encoder_layer)(architecture, own, states, places, first, kept, self.products)

    def _kept(
        self, batch: AnyBatch, dropout: AnyDropout | None, states: Tensor, index: int, *, first_only: bool
    ) -> Kept:
        if dropout is None:
            return Kept(None, None, None, 1.0)
        place = f"layer.{index}"
        counts = [batch.size] * batch.runs if first_only else batch.tokens
        like = states[:, : batch.size] if first_only else states
        return Kept(
            dropout.attention(
                f"{place}.attention.probabilities", batch, self.architecture.heads, 1 if first_only else None
            ),
            dropout.rows(f"{place}.attention.output", counts, like),
            dropout.rows(f"{place}.output", counts, like),
            dropout.scale,
        )


def encoder_layer(
    architecture: Architecture,
    weights: Weights,
    states: Tensor,
    places: Grouping | Spans,
    first: Tensor | None,
    kept: Kept,
    products: torch.dtype | None,
) -> Tensor:
    """One layer: `(S, T, H)` to the same, or to `(S, B, H)` where the rows of the `first` tokens are given.

    `weights` holds the layer's tensors by their part in it (`query.weight`); `places` tells attention which rows are
    an example.
    """
    eps = architecture.layer_norm_eps
    source = states if products is None else states.to(products)
    keys, values = linear(source, weights, "key", products), linear(source, weights, "value", products)
    if first is not None:
        states, source = (_rows(given, first).view(len(given), -1, given.shape[-1]) for given in (states, source))
    queries = linear(source, weights, "query", products)
    if isinstance(places, Spans):
        context = attend(queries, keys, values, places, architecture.heads, first is not None)
    else:
        context = _attention(queries, keys, values, places, architecture.heads, kept, states.dtype, first is not None)
    attended = dropped(linear(context, weights, "attention_output", products), kept.attended, kept.scale)
    states = layer_norm(states + attended, weights, "attention_norm", eps)
    inner = activate(linear(states, weights, "intermediate", products), architecture.activation)
    output = dropped(linear(inner, weights, "output", products), kept.output, kept.scale)
    return layer_norm(states + output, weights, "output_norm", eps)


def _attention(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    grouping: Grouping,
    heads: int,
    kept: Kept,
    dtype: torch.dtype,
    first_only: bool,
) -> Tensor:
    """Softmax attention of each example over its own tokens, bucket by bucket; same shape as `queries`."""
    width = queries.shape[-1]
    size = width // heads
    grouped_keys, grouped_values = _grouped(keys, grouping), _grouped(values, grouping)
    grouped_queries = _rows(queries, grouping.order) if first_only else _grouped(queries, grouping)
    grouped_queries = grouped_queries.mul(1 / math.sqrt(size))
    contexts = []
    start = 0
    survivors: Sequence[Tensor | None] = kept.probabilities or [None] * len(grouping.buckets)
    for bucket, surviving in zip(grouping.buckets, survivors, strict=True):
        asked = 1 if first_only else bucket.length
        stop = start + bucket.examples * asked

        def split(rows: Tensor, positions: int, examples: int = bucket.examples) -> Tensor:
            return rows.view(examples, positions, heads, size).transpose(1, 2)

        scores = split(grouped_queries[start:stop], asked) @ split(
            grouped_keys[bucket.start : bucket.stop], bucket.length
        ).transpose(2, 3)
        scores = scores.to(dtype)
        if bucket.mask is not None:
            scores = scores + bucket.mask
        probabilities = dropped(torch.softmax(scores, dim=-1), surviving, kept.scale).to(values.dtype)
        context = probabilities @ split(grouped_values[bucket.start : bucket.stop], bucket.length)
        contexts.append(context.transpose(1, 2).reshape(-1, width))
        start = stop
    joined = contexts[0] if len(contexts) == 1 else torch.cat(contexts)
    if first_only:
        return joined.index_select(0, grouping.unorder).view_as(queries)
    return _exchange(joined, grouping.ungroup, grouping.regroup, grouping.padding).view_as(queries)


def _grouped(values: Tensor, grouping: Grouping) -> Tensor:
    """The rows of `(S, T, H)` in bucketed order: `(slots, H)`."""
    flat = values.reshape(-1, values.shape[-1])
    return _exchange(flat, grouping.regroup, grouping.ungroup, grouping.tail)


def _rows(values: Tensor, rows: Tensor) -> Tensor:
    """Flat rows of `(S, T, H)`: `(len(rows), H)`."""
    return values.reshape(-1, values.shape[-1]).index_select(0, rows)
