"""Dropout whose masks are keyed draws: a run's mask does not know the runs beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from stabbench.models.batch import Batch, Bucket
from stabbench.randomness import Draws, dropout_threshold


class Dropout:
    """The masks of one forward pass: `draws[s]` belongs to run `s`; `step` and `call` key every draw.

    A probability of 0 draws nothing. Values are dropped at 16-bit resolution and the rest scaled by the inverse of the
    exact probability of being kept.
    """

    def __init__(self, probability: float, draws: Sequence[Draws], step: int, call: int = 0) -> None:
        self.draws = draws
        self.step = step
        self.call = call
        self.threshold, self.scale = dropout_threshold(probability)

    @property
    def active(self) -> bool:
        """Whether anything is dropped."""
        return self.threshold > 0

    def _kept(self, run: int, place: str, count: int) -> np.ndarray:
        return self.draws[run].levels(place, count, self.step, self.call) >= self.threshold

    def _factors(self, kept: np.ndarray, like: Tensor) -> Tensor:
        return torch.from_numpy(kept).to(device=like.device, dtype=like.dtype).mul_(self.scale)

    def rows(self, values: Tensor, place: str, counts: Sequence[int]) -> Tensor:
        """Dropout on `(S, rows, H)`, of which the first `counts[s]` rows of run `s` are real."""
        if not self.active:
            return values
        runs, rows, width = values.shape
        if runs == 1 and counts[0] == rows:
            return values * self._factors(self._kept(0, place, rows * width), values).view_as(values)
        kept = np.ones((runs, rows, width), dtype=bool)
        for run, count in enumerate(counts):
            kept[run, :count] = self._kept(run, place, count * width).reshape(count, width)
        return values * self._factors(kept, values)

    def attention(self, batch: Batch, like: Tensor, place: str, heads: int, queries: int | None) -> list[Tensor | None]:
        """Factors for the attention probabilities of each bucket, shape `(examples, heads, queries, length)`.

        `queries` is the number of query positions of an example, None for all of them; `like` gives type and device.
        """
        if not self.active:
            return [None] * len(batch.buckets)
        sizes = [heads * bucket.length * (queries or bucket.length) for bucket in batch.buckets]
        kept_by_run = []
        for run in range(batch.runs):
            counts = [bucket.counts[run] * size for bucket, size in zip(batch.buckets, sizes, strict=True)]
            kept_by_run.append(np.split(self._kept(run, place, sum(counts)), np.cumsum(counts)[:-1]))
        factors: list[Tensor | None] = []
        for number, bucket in enumerate(batch.buckets):
            kept = [parts[number] for parts in kept_by_run]
            joined = kept[0] if len(kept) == 1 else np.concatenate(kept)
            factors.append(self._factors(joined, like).view(_shape(bucket, heads, queries)))
        return factors


def _shape(bucket: Bucket, heads: int, queries: int | None) -> tuple[int, int, int, int]:
    return bucket.examples, heads, queries or bucket.length, bucket.length
