"""The encoder as a function of its weights: BERT and those computed as it is, `S` runs at once, without padding.

Weights are a mapping of Hugging Face names to tensors with a leading run axis `[S, …]`. Tokens of a batch are
concatenated; only attention sees single examples. The last layer is computed for the first token where that suffices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from stabbench.models.architecture import Architecture
from stabbench.models.attention import Relative, attention, rows_of
from stabbench.models.batch import Batch, Grouping, Spans
from stabbench.models.device_batch import DeviceBatch
from stabbench.models.dropout import DeviceDropout, Dropout, by_place, dropped
from stabbench.models.kernel.function import compute
from stabbench.models.variable_length import attend, usable

Weights = Mapping[str, Tensor]
AnyBatch = Batch | DeviceBatch
AnyDropout = Dropout | DeviceDropout


def linear(values: Tensor, weights: Weights, name: str, products: torch.dtype | None = None) -> Tensor:
    """`(S, rows, in)` through each run's own linear layer: `(S, rows, out)`, in the type `products` if given.

    Without a bias where `weights` has none.
    """
    weight, bias = weights[f"{name}.weight"], weights.get(f"{name}.bias")
    if products is not None:
        values, weight, bias = values.to(products), weight.to(products), None if bias is None else bias.to(products)
    if values.shape[0] == 1:
        return F.linear(values.squeeze(0), weight.squeeze(0), None if bias is None else bias.squeeze(0)).unsqueeze(0)
    if bias is None:
        return torch.bmm(values, weight.transpose(1, 2))
    return torch.baddbmm(bias.unsqueeze(1), values, weight.transpose(1, 2))


def layer_norm(values: Tensor, weights: Weights, name: str, eps: float) -> Tensor:
    """LayerNorm over the last axis of `(S, rows, H)` with each run's own scale and, where there is one, shift."""
    weight, bias = weights[f"{name}.weight"], weights.get(f"{name}.bias")
    size = (values.shape[-1],)
    if values.shape[0] == 1:
        return F.layer_norm(values, size, weight.squeeze(0), None if bias is None else bias.squeeze(0), eps)
    scaled = F.layer_norm(values, size, eps=eps) * weight.unsqueeze(1)
    return scaled if bias is None else scaled + bias.unsqueeze(1)


def activate(values: Tensor, activation: str) -> Tensor:
    """The activation of a feed-forward layer or of the head by its Hugging Face name."""
    if activation == "tanh":
        return torch.tanh(values)
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


class Kept(NamedTuple):
    """What dropout keeps in one layer, and the scales of that; None where nothing is dropped."""

    probabilities: list[Tensor] | None = None
    attended: Tensor | None = None
    output: Tensor | None = None
    scale: float = 1.0
    probability_scale: float = 1.0


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
        compiled = self._compiled(weights, batch, dropout, embeddings, every=False)
        if compiled is not None:
            return compiled
        first = self.hidden_states(weights, batch, dropout, embeddings, first_only=True)
        places, counts = architecture.dropout_places, [batch.size] * batch.runs
        own = None if dropout is None else by_place(dropout, places)
        if own is not None and places.head_input:
            first = dropped(first, own.head_input.rows("pooler", counts, first), own.head_input.scale)
        pooled = activate(linear(first, weights, architecture.pooler), architecture.head_activation)
        if own is not None:
            pooled = dropped(pooled, own.head.rows("classifier", counts, pooled), own.head.scale)
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
        layers = self.architecture.layers
        if not first_only:
            compiled = self._compiled(weights, batch, dropout, embeddings, every=True)
            if compiled is not None:
                return compiled
        states = self._embedding_layer(weights, batch, dropout, embeddings)
        relatives = self._relatives(weights, batch, dropout)
        for index, relative in zip(range(layers), relatives, strict=False):
            last = first_only and index == layers - 1
            states = self._layer(weights, batch, dropout, states, index, relative, first_only=last)
        return states

    def _compiled(
        self,
        weights: Weights,
        batch: AnyBatch,
        dropout: AnyDropout | None,
        embeddings: Tensor | None,
        *,
        every: bool,
    ) -> Tensor | None:
        """What the compiled kernel gives; None where it cannot."""
        return compute(self.architecture, self.products, weights, batch, dropout, embeddings, every=every)

    def _relatives(self, weights: Weights, batch: AnyBatch, dropout: AnyDropout | None) -> Iterable[Relative | None]:
        """What each layer's scores have of places; BERT's have nothing."""
        return repeat(None)

    def _embedding_layer(
        self, weights: Weights, batch: AnyBatch, dropout: AnyDropout | None, embeddings: Tensor | None
    ) -> Tensor:
        architecture = self.architecture
        prefix = f"{architecture.prefix}.embeddings"
        states = self.embed(weights, batch) if embeddings is None else embeddings
        if architecture.positions:
            rows = batch.positions + architecture.position_offset
            states = states + lookup(weights[f"{prefix}.position_embeddings.weight"], rows)
        if architecture.segments:
            states = states + lookup(weights[f"{prefix}.token_type_embeddings.weight"], batch.segments)
        states = layer_norm(states, weights, f"{prefix}.LayerNorm", architecture.layer_norm_eps)
        if dropout is not None:
            hidden = by_place(dropout, architecture.dropout_places).hidden
            states = dropped(states, hidden.rows("embeddings", batch.tokens, states), hidden.scale)
        return linear(states, weights, architecture.mapping) if architecture.mapping else states

    def _layer(
        self,
        weights: Weights,
        batch: AnyBatch,
        dropout: AnyDropout | None,
        states: Tensor,
        index: int,
        relative: Relative | None,
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
        exact = kept.probabilities is None and self.layer is None and relative is None
        flash = exact and usable(states.device, self.products, size)
        places = batch.spans if flash else batch.grouping
        more = () if relative is None else (relative,)
        return (self.layer or encoder_layer)(architecture, own, states, places, first, kept, self.products, *more)

    def _kept(
        self, batch: AnyBatch, dropout: AnyDropout | None, states: Tensor, index: int, *, first_only: bool
    ) -> Kept:
        if dropout is None:
            return Kept()
        places, place, heads = self.architecture.dropout_places, f"layer.{index}", self.architecture.heads
        hidden, pairs, *_ = by_place(dropout, places)
        counts = [batch.size] * batch.runs if first_only else batch.tokens
        like = states[:, : batch.size] if first_only else states
        return Kept(
            pairs.attention(f"{place}.attention.probabilities", batch, heads, 1 if first_only else None),
            hidden.rows(f"{place}.attention.output", counts, like) if places.attention_output else None,
            hidden.rows(f"{place}.output", counts, like),
            hidden.scale,
            pairs.scale,
        )


def encoder_layer(
    architecture: Architecture,
    weights: Weights,
    states: Tensor,
    places: Grouping | Spans,
    first: Tensor | None,
    kept: Kept,
    products: torch.dtype | None,
    relative: Relative | None = None,
) -> Tensor:
    """One layer: `(S, T, H)` to the same, or to `(S, B, H)` where the rows of the `first` tokens are given.

    `weights` holds the layer's tensors by their part in it (`query.weight`); `places` tells attention which rows are
    an example, `relative` what its scores have of places.
    """
    eps = architecture.layer_norm_eps
    source = states if products is None else states.to(products)
    keys, values = linear(source, weights, "key", products), linear(source, weights, "value", products)
    if first is not None:
        states, source = (rows_of(given, first).view(len(given), -1, given.shape[-1]) for given in (states, source))
    queries = linear(source, weights, "query", products)
    if isinstance(places, Spans):
        context = attend(queries, keys, values, places, architecture.heads, first is not None)
    else:
        context = attention(
            queries, keys, values, places, architecture.heads, kept.probabilities, kept.probability_scale, states.dtype,
            first_only=first is not None, relative=relative,
        )  # fmt: skip
    attended = dropped(linear(context, weights, "attention_output", products), kept.attended, kept.scale)
    states = layer_norm(states + attended, weights, "attention_norm", eps)
    inner = activate(linear(states, weights, "intermediate", products), architecture.activation)
    output = dropped(linear(inner, weights, "output", products), kept.output, kept.scale)
    return layer_norm(states + output, weights, "output_norm", eps)
