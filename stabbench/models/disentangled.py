"""DeBERTa's attention: positions have queries and keys, too, of which only those are made that the texts reach."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from stabbench.models.attention import Relative
from stabbench.models.disentangled_config import KEYS, QUERIES, DisentangledConfig, details_of
from stabbench.models.dropout import by_place, dropped
from stabbench.models.encoder import AnyBatch, AnyDropout, Weights, layer_norm, linear
from stabbench.models.relative import Owners, RelativeEncoder
from stabbench.models.relative_positions import reach, shifted

PARTS = {KEYS: ("key", "position_key"), QUERIES: ("query", "position_query")}
"""Which part of a layer makes a position's key or query: with projections that tokens share, and with its own."""


class DebertaEncoder(RelativeEncoder):
    """Each layer projects the table of relative positions anew, less what it drops of it."""

    @property
    def details(self) -> DisentangledConfig:
        """What the config says of relative positions."""
        return details_of(self.architecture)

    def _relatives(self, weights: Weights, batch: AnyBatch, dropout: AnyDropout | None) -> Iterator[Relative | None]:
        architecture, details, encoder = self.architecture, self.details, f"{self.architecture.prefix}.encoder"
        longest = max(bucket.length for bucket in batch.grouping.buckets)
        table = weights[f"{encoder}.rel_embeddings.weight"]
        rows, places = reach(longest, details.buckets, details.farthest, table.device)
        reached = table[:, rows]
        if details.normalised:
            reached = layer_norm(reached, weights, f"{encoder}.LayerNorm", architecture.layer_norm_eps)
        size = architecture.hidden_size // architecture.heads
        divisor = float(np.sqrt(np.float32(size * (1 + len(details.kinds)))))  # in fp32, as transformers does
        for index in range(architecture.layers):
            states = self._dropped(reached, dropout, index)
            names = architecture.layer(index)
            made = {
                kind: linear(states, weights, names[PARTS[kind][not details.shares]], self.products)
                for kind in details.kinds
            }
            keys = made[KEYS][:, places.flip(0)] if KEYS in made else None
            queries = made[QUERIES][:, places] / divisor if QUERIES in made else None
            yield Disentangled(divisor, architecture.heads, keys, queries, batch)

    def _dropped(self, reached: Tensor, dropout: AnyDropout | None, index: int) -> Tensor:
        """The reached rows `(S, R, H)` less what a layer drops; a row is dropped alike however far others reach."""
        if dropout is None:
            return reached
        hidden = by_place(dropout, self.architecture.dropout_places).hidden
        kept = hidden.rows(f"layer.{index}.positions", [reached.shape[1]] * len(reached), reached)
        return dropped(reached, kept, hidden.scale)


@dataclass(frozen=True)
class Disentangled:
    """What a layer's scores have of the distance of query and key, in a batch of texts of up to M slots.

    `keys` `(S, 2M + 1, H)` are those of the distances M … −M of a query from a key, `queries`, divided, those of
    −M … M.
    """

    divisor: float
    heads: int
    keys: Tensor | None
    queries: Tensor | None
    batch: AnyBatch

    def __call__(self, number: int, queries: Tensor, keys: Tensor) -> Tensor:
        """As `attention.Relative` says; of one query an example it is the first token's."""
        bucket = self.batch.grouping.buckets[number]
        mask = bucket.mask
        terms = self._of_first if queries.shape[2] == 1 else self._of_all
        for added in terms(number, queries, keys):
            mask = added if mask is None else added + mask
        assert mask is not None
        return mask

    def _of_all(self, number: int, queries: Tensor, keys: Tensor) -> Iterator[Tensor]:
        length = keys.shape[2]
        if self.keys is not None:
            yield shifted(self._products(number, queries, self._within(self.keys, length)))
        if self.queries is not None:
            yield shifted(self._products(number, keys, self._within(self.queries, length))).transpose(2, 3)

    def _of_first(self, number: int, queries: Tensor, keys: Tensor) -> Iterator[Tensor]:
        """Each distance is that of one key."""
        length = keys.shape[2]
        if self.keys is not None:
            middle = self.keys.shape[1] // 2
            yield self._products(number, queries, self.keys[:, middle : middle + length])
        if self.queries is not None:
            middle = self.queries.shape[1] // 2
            asking = self._apart(self.queries[:, middle - length + 1 : middle + 1].flip(1))
            yield (keys * Owners(self.batch).of(number, asking).transpose(1, 2)).sum(dim=3).unsqueeze(2)

    def _within(self, positions: Tensor, length: int) -> Tensor:
        """Of `(S, 2M + 1, H)` the 2L in the middle that texts of `length` L need, and one that makes them even."""
        middle = positions.shape[1] // 2
        return positions[:, middle - length + 1 : middle + length + 1]

    def _apart(self, positions: Tensor) -> Tensor:
        """`(S, R, H)` as `(S, R, heads, size)`."""
        return positions.view(*positions.shape[:2], self.heads, -1)

    def _products(self, number: int, given: Tensor, positions: Tensor) -> Tensor:
        """Products of `(examples, heads, L, size)` with positions `(S, R, H)`: `(examples, heads, L, R)`."""
        apart = self._apart(positions)
        if len(apart) > 1:
            return given @ Owners(self.batch).of(number, apart).permute(0, 2, 3, 1)
        examples, heads, length, size = given.shape
        rows = given.transpose(1, 2).reshape(-1, heads, size).transpose(0, 1)  # all examples at once, head by head
        found = torch.bmm(rows, apart[0].permute(1, 2, 0))
        return found.view(heads, examples, length, -1).transpose(0, 1)
