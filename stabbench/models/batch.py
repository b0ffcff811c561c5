"""Ragged batches: each run's examples concatenated without padding, and buckets of near-equal length for attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TokenizedTexts:
    """Texts as word pieces, one after the other: example `i` is `ids[offsets[i]:offsets[i + 1]]`.

    `ids` and `segments` have shape `(tokens,)`, `offsets` `(examples + 1,)`, `labels` (of the objective's
    `label_type`) and `examples` (the row numbers in the task's source) `(examples,)`. `places` `(tokens,)` are the
    tokens' places in their texts where they are not 0, 1, 2 … (`Architecture.places`).
    """

    ids: Integers
    segments: Integers
    offsets: Integers
    labels: npt.NDArray[Any]
    examples: Integers
    places: Integers | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def lengths(self) -> Integers:
        """Word pieces of each example, shape `(examples,)`."""
        return np.diff(self.offsets)

    def take(self, chosen: Integers) -> TokenizedTexts:
        """The examples at the positions `chosen`, in that order."""
        lengths = self.lengths[chosen]
        rows = np.repeat(self.offsets[chosen], lengths) + _ranges(lengths)
        return TokenizedTexts(
            ids=self.ids[rows],
            segments=self.segments[rows],
            offsets=np.concatenate([[0], np.cumsum(lengths)]),
            labels=self.labels[chosen],
            examples=self.examples[chosen],
            places=None if self.places is None else self.places[rows],
        )


@dataclass(frozen=True)
class Bucket:
    """`examples` (of all runs) whose lengths round up to the same `length`; a contiguous range of the regrouped rows.

    `mask` is additive, of shape `(examples, 1, 1, length)`, or None where all lengths are exact.
    """

    length: int
    start: int
    examples: int
    mask: Tensor | None

    @property
    def stop(self) -> int:
        """End of the bucket's regrouped rows."""
        return self.start + self.examples * self.length


@dataclass(frozen=True)
class Spans:
    """Where each example's rows end among all rows, for attention without padding.

    Both have shape `(S · (B + 1) + 1,)`, int32, begin with 0, and count a run's rows after its last example as one more
    example: `ends` for all rows, `first_ends` for one row an example and none of the additional ones.
    """

    ends: Tensor
    first_ends: Tensor
    longest: int


def make_spans(lengths: Tensor, rows: int, longest: int) -> Spans:
    """The spans of examples of `lengths` `(S, B)` in `rows` rows a run, none longer than `longest`."""
    rest = rows - lengths.sum(dim=1, keepdim=True)
    one = torch.ones_like(lengths)

    def ends(counts: tuple[Tensor, Tensor]) -> Tensor:
        return F.pad(torch.cat(counts, dim=1).view(-1).cumsum(0), (1, 0)).to(torch.int32)

    return Spans(ends((lengths, rest)), ends((one, torch.zeros_like(rest))), longest)


@dataclass(frozen=True)
class Grouping:
    """A batch's examples bucket by bucket.

    `regroup`: flat token row of every slot of the bucketed order; `ungroup`: slot of every flat token row; `order`:
    flat example (run · B + position) of each bucketed example, and `unorder` its inverse. `padding` `(slots, 1)` and
    `tail` `(rows, 1)` are true where a slot or a row belongs to no token, None where all of them do.
    """

    regroup: Tensor
    ungroup: Tensor
    order: Tensor
    unorder: Tensor
    buckets: tuple[Bucket, ...]
    padding: Tensor | None
    tail: Tensor | None


@dataclass(frozen=True)
class RaggedBatch:
    """`S` runs' batches of `B` examples each, with `T` rows a run for their tokens.

    `ids`, `segments`, `positions`: `(S, T)`. `labels`: `(S, B)`. `first`: `(S · B,)`, the flat row of each example's
    first token in `(S · T)`.
    """

    ids: Tensor
    segments: Tensor
    positions: Tensor
    labels: Tensor
    first: Tensor

    @property
    def runs(self) -> int:
        """S, the number of runs side by side."""
        return self.ids.shape[0]

    @property
    def size(self) -> int:
        """B, the examples of one run."""
        return self.labels.shape[1]


@dataclass(frozen=True)
class Batch(RaggedBatch):
    """A batch of which the host knows the `tokens` of each run and the `lengths` `(S, B)` of its examples.

    `T` is the largest number of tokens; the tail of a run with fewer is 0 and belongs to no example. `dtype` is the
    type of the masks.
    """

    tokens: tuple[int, ...]
    lengths: Integers
    dtype: torch.dtype

    @property
    def most_pairs(self) -> int:
        """The largest sum of a run's squared lengths."""
        return int((self.lengths**2).sum(axis=1).max())

    @cached_property
    def example_lengths(self) -> Tensor:
        """`lengths` on the device of the batch."""
        return torch.from_numpy(self.lengths).to(self.ids.device)

    @cached_property
    def grouping(self) -> Grouping:
        """The examples in buckets of near-equal length, made where it is first asked for."""
        return _grouping(self)

    @cached_property
    def spans(self) -> Spans:
        """Where examples end, for attention without padding, made where it is first asked for."""
        widest = self.ids.shape[1]
        longest = max(int(self.lengths.max()), widest - min(self.tokens))
        return make_spans(self.example_lengths, widest, longest)


def make_batch(
    texts: TokenizedTexts,
    chosen: Sequence[Integers],
    dtype: torch.dtype,
    device: torch.device,
    *,
    segments: bool = True,
) -> Batch:
    """The batch of the examples `chosen[s]` (positions in `texts`, shape `(B,)`, one array a run)."""
    indices = np.stack(chosen)
    runs = len(indices)
    lengths = texts.offsets[indices + 1] - texts.offsets[indices]
    tokens = lengths.sum(axis=1)
    widest = int(tokens.max())
    begins = np.cumsum(lengths, axis=1) - lengths

    flat_lengths = lengths.ravel()
    row_begins = (begins + np.arange(runs)[:, None] * widest).ravel()
    within = _ranges(flat_lengths)
    rows = np.repeat(row_begins, flat_lengths) + within if runs > 1 else None
    sources = np.repeat(texts.offsets[indices].ravel(), flat_lengths) + within

    def spread(values: Integers) -> Tensor:
        table = values.astype(np.int64, copy=False)
        if rows is not None:
            table = np.zeros(runs * widest, dtype=np.int64)
            table[rows] = values
        return torch.from_numpy(table.reshape(runs, widest)).to(device)

    return Batch(
        ids=spread(texts.ids[sources]),
        segments=spread(texts.segments[sources] if segments else np.zeros_like(sources)),
        positions=spread(within if texts.places is None else texts.places[sources]),
        labels=torch.from_numpy(texts.labels[indices]).to(device),
        first=torch.from_numpy(row_begins).to(device),
        tokens=tuple(int(count) for count in tokens),
        lengths=lengths,
        dtype=dtype,
    )


def _ranges(lengths: Integers) -> Integers:
    """0 … length − 1 for each length, concatenated."""
    ends = np.cumsum(lengths)
    return np.arange(int(ends[-1]), dtype=np.int64) - np.repeat(ends - lengths, lengths)


def _grouping(batch: Batch) -> Grouping:
    widest, device = batch.ids.shape[1], batch.ids.device
    begins = np.cumsum(batch.lengths, axis=1) - batch.lengths + np.arange(batch.runs)[:, None] * widest
    lengths, begins = batch.lengths.ravel(), begins.ravel()
    steps = np.where(lengths <= 32, 8, 16)  # what a length is rounded up to is a function of the example alone
    rounded = -(-lengths // steps) * steps
    order = np.lexsort((np.arange(len(lengths)), rounded))
    slots = _ranges(rounded[order])
    owner = np.repeat(order, rounded[order])
    real = slots < lengths[owner]
    regroup = np.where(real, begins[owner] + slots, begins[owner])
    ungroup = np.full(batch.ids.numel(), -1)
    ungroup[regroup[real]] = np.flatnonzero(real)
    tail = ungroup < 0
    own = np.repeat(ungroup[::widest], widest)  # a tail must not read from another run, whose values may be NaN
    ungroup[tail] = own[tail]

    buckets = []
    start = 0
    for length in np.unique(rounded):
        members = order[rounded[order] == length]
        exact = lengths[members]
        mask = None
        if (exact < length).any():
            absent = np.arange(length)[None, :] >= exact[:, None]
            table = torch.zeros(len(members), 1, 1, int(length), dtype=batch.dtype)
            mask = table.masked_fill_(torch.from_numpy(absent)[:, None, None, :], float("-inf")).to(device)
        bucket = Bucket(int(length), start, len(members), mask)
        buckets.append(bucket)
        start = bucket.stop
    return Grouping(
        regroup=torch.from_numpy(regroup).to(device),
        ungroup=torch.from_numpy(ungroup).to(device),
        order=torch.from_numpy(order).to(device),
        unorder=torch.from_numpy(np.argsort(order)).to(device),
        buckets=tuple(buckets),
        padding=None if real.all() else torch.from_numpy(~real)[:, None].to(device),
        tail=torch.from_numpy(tail)[:, None].to(device) if tail.any() else None,
    )
