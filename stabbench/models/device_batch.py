"""Ragged batches made on the device from the numbers of the chosen examples: their shapes alone are known outside.

The texts lie on the device once. Rows and lengths are rounded up, so that few shapes occur and the work on a shape can
be captured or compiled; what is added to round up belongs to no example and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from stabbench.models.batch import Bucket, Grouping, Integers, RaggedBatch, Spans, TokenizedTexts, make_spans


@dataclass(frozen=True)
class BatchShape:
    """B examples a run, T `rows` for their tokens, and the length L to which attention pads every example."""

    examples: int
    rows: int
    longest: int

    @classmethod
    def of(cls, lengths: Integers) -> BatchShape:
        """The shape for examples of the given lengths `(S, B)`.

        Rows are rounded up to a multiple of an eighth of the power of two below them, lengths to a multiple of 16.
        """
        rows = int(lengths.sum(axis=1).max())
        step = max(16, 1 << (rows.bit_length() - 4))
        return cls(lengths.shape[1], -(-rows // step) * step, -(-int(lengths.max()) // 16) * 16)


class DeviceTexts:
    """A split's texts on a device."""

    def __init__(self, texts: TokenizedTexts, device: torch.device, *, segments: bool) -> None:
        kinds = texts.segments if segments else np.zeros_like(texts.segments)
        self.ids, self.segments, self.offsets, self.labels = (
            torch.from_numpy(values).to(device) for values in (texts.ids, kinds, texts.offsets, texts.labels)
        )
        self.places = None if texts.places is None else torch.from_numpy(texts.places).to(device)


@dataclass(frozen=True)
class DeviceBatch(RaggedBatch):
    """As `stabbench.models.batch.Batch`, with the examples' lengths `(S, B)` on the device and one bucket of length L.

    A row that belongs to no example repeats its run's first token.
    """

    example_lengths: Tensor
    grouping: Grouping

    @property
    def tokens(self) -> tuple[int, ...]:
        """Rows of each run, all of them counted as real."""
        return (self.ids.shape[1],) * self.runs

    @cached_property
    def spans(self) -> Spans:
        """Where examples end, for attention without padding."""
        return make_spans(self.example_lengths, self.ids.shape[1], self.ids.shape[1])

    @property
    def most_pairs(self) -> int:
        """A bound of the sum of a run's squared lengths."""
        return self.ids.shape[1] * self.grouping.buckets[0].length


def device_batch(texts: DeviceTexts, chosen: Tensor, shape: BatchShape, dtype: torch.dtype) -> DeviceBatch:
    """The batch of the examples `chosen` `(S, B)`, with tensor operations alone; `dtype` is the type of the mask."""
    device, runs, longest = chosen.device, chosen.shape[0], shape.longest
    begins_in_texts = texts.offsets[chosen]
    lengths = texts.offsets[chosen + 1] - begins_in_texts
    ends = lengths.cumsum(1)
    begins = ends - lengths
    run = torch.arange(runs, device=device).unsqueeze(1)

    row = torch.arange(shape.rows, device=device)
    owner = (row.view(1, -1, 1) >= ends.unsqueeze(1)).sum(dim=2)
    tail = owner == shape.examples
    owner = owner.masked_fill(tail, 0)
    positions = (row - begins.gather(1, owner)).masked_fill(tail, 0)
    sources = begins_in_texts.gather(1, owner) + positions

    slot = torch.arange(longest, device=device)
    padding = slot >= lengths.unsqueeze(2)
    first = (begins + run * shape.rows).view(-1)
    order = torch.arange(chosen.numel(), device=device)
    mask = torch.zeros(padding.shape, dtype=dtype, device=device).masked_fill(padding, float("-inf"))
    grouping = Grouping(
        regroup=(first.view(runs, -1, 1) + slot.masked_fill(padding, 0)).view(-1),
        ungroup=((run * shape.examples + owner) * longest + positions).view(-1),
        order=order,
        unorder=order,
        buckets=(Bucket(longest, 0, chosen.numel(), mask.view(-1, 1, 1, longest)),),
        padding=padding.view(-1, 1),
        tail=tail.view(-1, 1),
    )
    return DeviceBatch(
        ids=texts.ids[sources],
        segments=texts.segments[sources],
        positions=positions if texts.places is None else texts.places[sources],
        labels=texts.labels[chosen],
        first=first,
        example_lengths=lengths,
        grouping=grouping,
    )
