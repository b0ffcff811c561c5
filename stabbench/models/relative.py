"""Encoders whose scores know how far apart two tokens are: by torch alone; and MPNet's, by a bias of each distance."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat

import torch
from torch import Tensor

from stabbench.models.attention import Relative
from stabbench.models.encoder import AnyBatch, AnyDropout, Encoder, Weights, lookup
from stabbench.models.relative_positions import by_halves


class RelativeEncoder(Encoder):
    """Computed as BERT, but for what a layer's scores have of places; there is no kernel for it."""

    def _compiled(
        self,
        weights: Weights,
        batch: AnyBatch,
        dropout: AnyDropout | None,
        embeddings: Tensor | None,
        *,
        every: bool,
    ) -> Tensor | None:
        return None


class MpnetEncoder(RelativeEncoder):
    """All layers add the same bias, a number for each head and bucket of distances."""

    def _relatives(self, weights: Weights, batch: AnyBatch, dropout: AnyDropout | None) -> Iterable[Relative | None]:
        architecture = self.architecture
        table = weights[f"{architecture.prefix}.encoder.relative_attention_bias.weight"]
        return repeat(SharedBias(table, batch, architecture.hidden_size // architecture.heads))


@dataclass(frozen=True)
class Owners:
    """Whose the examples of each bucket are."""

    batch: AnyBatch

    def of(self, number: int, tensor: Tensor) -> Tensor:
        """What belongs to each example of the bucket `number` of a tensor `(S, …)`: `(examples, …)`, or 1 for all."""
        if self.batch.runs == 1:
            return tensor
        buckets = self.batch.grouping.buckets
        start = sum(bucket.examples for bucket in buckets[:number])
        order = self.batch.grouping.order[start : start + buckets[number].examples]
        return tensor[torch.div(order, self.batch.size, rounding_mode="floor")]


class SharedBias:
    """What MPNet's layers add to the scores, made once for a pass; `table` is `(S, buckets, heads)`."""

    def __init__(self, table: Tensor, batch: AnyBatch, size: int) -> None:
        self.divisor = math.sqrt(size)
        owners, lengths = Owners(batch), [bucket.length for bucket in batch.grouping.buckets]
        place = torch.arange(max(lengths), device=table.device)
        rows = by_halves(place - place.unsqueeze(1), table.shape[1])
        found = lookup(table, rows.view(1, -1).expand(len(table), -1))
        biases = found.transpose(1, 2).contiguous().view(len(table), -1, *rows.shape)
        self.added: Sequence[Tensor] = [
            added if bucket.mask is None else added + bucket.mask
            for number, bucket in enumerate(batch.grouping.buckets)
            for added in [owners.of(number, biases[..., : bucket.length, : bucket.length])]
        ]

    def __call__(self, number: int, queries: Tensor, keys: Tensor) -> Tensor:
        """As `attention.Relative` says; the first queries are asked about."""
        return self.added[number][:, :, : queries.shape[2]]
