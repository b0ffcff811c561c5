"""ModernBERT as a function of its weights, `S` runs at once, without padding.

Layers normalise what they read, not what they add up; queries and keys are turned by their token's place; attention of
some layers sees a window; the feed-forward layer is gated. Weights, batches and dropout are as in `models.encoder`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stabbench.models.architecture import Architecture
from stabbench.models.attention import attention, rows_of
from stabbench.models.dropout import dropped
from stabbench.models.encoder import AnyBatch, AnyDropout, Weights, activate, layer_norm, linear, lookup
from stabbench.models.kernel.function import compute
from stabbench.models.modernbert_config import ModernBertConfig, details_of
from stabbench.models.rotation import rotate, rotations


@dataclass(frozen=True)
class ModernBertEncoder:
    """The computation of an architecture; it holds no weights.

    `products` as of `models.encoder.Encoder`: rotations and the gate stay in the weights' type, too.
    """

    architecture: Architecture
    products: torch.dtype | None = None

    @property
    def details(self) -> ModernBertConfig:
        """What the config says beside the sizes."""
        return details_of(self.architecture)

    def embed(self, weights: Weights, batch: AnyBatch) -> Tensor:
        """Word embeddings of the tokens, shape `(S, T, H)`: what adversarial strategies perturb."""
        return lookup(weights[self.architecture.word_embeddings], batch.ids)

    def classify(
        self, weights: Weights, batch: AnyBatch, dropout: AnyDropout | None = None, embeddings: Tensor | None = None
    ) -> Tensor:
        """Logits of the classifier, shape `(S, B, labels)`; one run on a CPU is computed by the compiled kernel."""
        architecture, details = self.architecture, self.details
        compiled = compute(architecture, self.products, weights, batch, dropout, embeddings, every=False)
        if compiled is not None:
            return compiled
        first_only = details.pooling == "cls"
        states = self.hidden_states(weights, batch, dropout, embeddings, first_only=first_only)
        pooled = states if first_only else mean_of_tokens(states, batch)
        pooled = activate(linear(pooled, weights, architecture.pooler), details.head_activation)
        pooled = layer_norm(pooled, weights, "head.norm", architecture.layer_norm_eps)
        counts = [batch.size] * batch.runs
        pooled = _dropped(pooled, dropout, details.classifier_dropout, "classifier", counts)
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
        """The final norm's output: `(S, B, H)` for the first tokens, else `(S, T, H)` for all of them."""
        architecture, eps = self.architecture, self.architecture.layer_norm_eps
        if not first_only:
            compiled = compute(architecture, self.products, weights, batch, dropout, embeddings, every=True)
            if compiled is not None:
                return compiled
        words = self.embed(weights, batch) if embeddings is None else embeddings
        states = layer_norm(words, weights, f"{architecture.prefix}.embeddings.norm", eps)
        states = _dropped(states, dropout, self.details.embedding_dropout, "embeddings", batch.tokens)
        for index in range(architecture.layers):
            last = first_only and index == architecture.layers - 1
            states = self._layer(weights, batch, dropout, states, index, first_only=last)
        return layer_norm(states, weights, f"{architecture.prefix}.final_norm", eps)

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
        """`(S, T, H)` to the same, or to `(S, B, H)` for the first tokens."""
        architecture, details, products = self.architecture, self.details, self.products
        names, place, eps = architecture.layer(index), f"layer.{index}", architecture.layer_norm_eps
        counts: Sequence[int] = [batch.size] * batch.runs if first_only else batch.tokens
        source = layer_norm(states, weights, names["attention_norm"], eps) if index else states
        attended = self._attended(weights, batch, dropout, source, index, first_only=first_only)
        attended = linear(attended, weights, names["attention_output"], products)
        attended = _dropped(attended, dropout, details.attention_dropout, f"{place}.attention.output", counts)
        states = (first_rows(states, batch) if first_only else states) + attended
        wide = linear(
            layer_norm(states, weights, names["feed_forward_norm"], eps), weights, names["intermediate"], products
        )
        inner, gate = wide.to(states.dtype).chunk(2, dim=-1)
        inner = activate(inner, architecture.activation) * gate
        inner = _dropped(inner, dropout, details.mlp_dropout, f"{place}.intermediate", counts)
        return states + linear(inner, weights, names["output"], products)

    def _attended(
        self,
        weights: Weights,
        batch: AnyBatch,
        dropout: AnyDropout | None,
        states: Tensor,
        index: int,
        *,
        first_only: bool,
    ) -> Tensor:
        """Attention's context of all tokens, or of the first ones."""
        architecture, details = self.architecture, self.details
        hidden, heads = architecture.hidden_size, architecture.heads
        name = architecture.layer(index)["query_key_value"]
        longest = max(bucket.length for bucket in batch.grouping.buckets)
        table = rotations(details.thetas[index], hidden // heads, longest, states)
        if first_only:  # the first token's place is 0, where nothing turns
            asking, asked = _cut(weights, name, hidden)
            queries = linear(first_rows(states, batch), asking, name, self.products)
            keys, values = linear(states, asked, name, self.products).chunk(2, dim=-1)
            keys = rotate(keys, batch.positions, table)
        else:
            joint = linear(states, weights, name, self.products)
            queries, keys = rotate(joint[..., : 2 * hidden], batch.positions, table).chunk(2, dim=-1)
            values = joint[..., 2 * hidden :]
        kept, scale = None, 1.0
        if dropout is not None:
            own = dropout.asked(details.attention_dropout)
            place = f"layer.{index}.attention.probabilities"
            kept, scale = own.attention(place, batch, heads, 1 if first_only else None), own.scale
        return attention(
            queries, keys, values, batch.grouping, heads, kept, scale, states.dtype,
            first_only=first_only, window=details.windows[index],
        )  # fmt: skip


def first_rows(states: Tensor, batch: AnyBatch) -> Tensor:
    """Those of the examples' first tokens: from `(S, T, H)` to `(S, B, H)`."""
    return rows_of(states, batch.first).view(batch.runs, batch.size, -1)


def mean_of_tokens(states: Tensor, batch: AnyBatch) -> Tensor:
    """The mean over each example's tokens: from `(S, T, H)` to `(S, B, H)`."""
    lengths = batch.example_lengths.unsqueeze(2)
    ends = lengths.cumsum(1)
    row = torch.arange(states.shape[1], device=states.device)
    inside = (row >= ends - lengths) & (row < ends)
    return (inside.to(states.dtype) / lengths) @ states


def _dropped(
    values: Tensor, dropout: AnyDropout | None, probability: float, place: str, counts: Sequence[int]
) -> Tensor:
    """`values` `(S, rows, N)` less what the run's masks drop, by the recipe's probability or the config's own."""
    if dropout is None:
        return values
    own = dropout.asked(probability)
    return dropped(values, own.rows(place, counts, values), own.scale)


def _cut(weights: Weights, name: str, outputs: int) -> tuple[Weights, Weights]:
    """A linear layer's tensors `(S, out, …)`: those of the first `outputs`, and of the others."""
    found = {full: weights[full] for leaf in ("weight", "bias") if (full := f"{name}.{leaf}") in weights}
    return (
        {full: tensor[:, :outputs] for full, tensor in found.items()},
        {full: tensor[:, outputs:] for full, tensor in found.items()},
    )
