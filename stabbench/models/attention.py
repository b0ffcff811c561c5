"""Attention of ragged batches, bucket by bucket: each example over its own tokens, or over those within a window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from stabbench.models.batch import Bucket, Grouping
from stabbench.models.dropout import dropped


class Relative(Protocol):
    """What scores have of where a query and a key stand, in models that attend by that."""

    @property
    def divisor(self) -> float:
        """By which queries are divided, the root of their heads' size in other models."""

    def __call__(self, number: int, queries: Tensor, keys: Tensor) -> Tensor:
        """What is added to the scores of the bucket `number`, its mask included.

        Given are its queries, divided, and its keys: `(examples, heads, positions, size)`.
        """


def attention(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    grouping: Grouping,
    heads: int,
    kept: Sequence[Tensor] | None,
    scale: float,
    dtype: torch.dtype,
    *,
    first_only: bool,
    window: int | None = None,
    relative: Relative | None = None,
) -> Tensor:
    """Softmax attention of each example over its own tokens, bucket by bucket; same shape as `queries`.

    With `first_only` there is one query an example, its first token's. Of the probabilities those that are `kept`
    remain, times `scale`; they are of the type `dtype`. With a `window` a token sees those at most so many places away.
    What is `relative` is added to the scores.
    """
    width = queries.shape[-1]
    size = width // heads
    grouped_keys, grouped_values = _grouped(keys, grouping), _grouped(values, grouping)
    grouped_queries = rows_of(queries, grouping.order) if first_only else _grouped(queries, grouping)
    grouped_queries = grouped_queries.mul(1 / (math.sqrt(size) if relative is None else relative.divisor))
    contexts = []
    start = 0
    survivors: Sequence[Tensor | None] = kept or [None] * len(grouping.buckets)
    for number, (bucket, surviving) in enumerate(zip(grouping.buckets, survivors, strict=True)):
        asked = 1 if first_only else bucket.length
        stop = start + bucket.examples * asked

        def split(rows: Tensor, positions: int, examples: int = bucket.examples) -> Tensor:
            return rows.view(examples, positions, heads, size).transpose(1, 2)

        own_queries = split(grouped_queries[start:stop], asked)
        own_keys = split(grouped_keys[bucket.start : bucket.stop], bucket.length)
        scores = (own_queries @ own_keys.transpose(2, 3)).to(dtype)
        if relative is not None:
            mask: Tensor | None = relative(number, own_queries, own_keys)
        else:
            mask = bucket.mask if window is None else _within(bucket, window, asked, scores)
        if mask is not None:
            scores = scores + mask
        probabilities = dropped(torch.softmax(scores, dim=-1), surviving, scale).to(values.dtype)
        context = probabilities @ split(grouped_values[bucket.start : bucket.stop], bucket.length)
        contexts.append(context.transpose(1, 2).reshape(-1, width))
        start = stop
    joined = contexts[0] if len(contexts) == 1 else torch.cat(contexts)
    if first_only:
        return joined.index_select(0, grouping.unorder).view_as(queries)
    return _exchange(joined, grouping.ungroup, grouping.regroup, grouping.padding).view_as(queries)


def _within(bucket: Bucket, window: int, queries: int, scores: Tensor) -> Tensor | None:
    """The bucket's mask, less what lies beyond the window; a padded query sees what its example's last token sees."""
    if bucket.length <= window + 1:
        return bucket.mask
    places = torch.arange(bucket.length, device=scores.device)
    asking = places[:queries].unsqueeze(1)
    if bucket.mask is not None:
        asking = asking.minimum(bucket.mask.isfinite().sum(dim=-1, keepdim=True) - 1)
    beyond = (asking - places).abs() > window
    mask = torch.zeros_like(scores[:1, :1]) if bucket.mask is None else bucket.mask
    return mask.masked_fill(beyond, float("-inf"))


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


def _grouped(values: Tensor, grouping: Grouping) -> Tensor:
    """The rows of `(S, T, H)` in bucketed order: `(slots, H)`."""
    flat = values.reshape(-1, values.shape[-1])
    return _exchange(flat, grouping.regroup, grouping.ungroup, grouping.tail)


def rows_of(values: Tensor, rows: Tensor) -> Tensor:
    """Flat rows of `(S, T, H)`: `(len(rows), H)`."""
    return values.reshape(-1, values.shape[-1]).index_select(0, rows)
