"""Dropout whose masks are keyed draws: a run's mask does not know the runs beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from stabbench.models.batch import Batch
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

        `queries` is the number of query positions of an example, None for all of them; `like` gives type and device. A
        run draws `heads · queries · length` levels for each example, one after the other, at its exact length.
        """
        if not self.active:
            return [None] * len(batch.grouping.buckets)
        sizes = heads * batch.lengths * (queries or batch.lengths)
        ends = np.cumsum(sizes, axis=1)
        kept = [self._kept(run, place, int(ends[run, -1])) for run in range(batch.runs)]
        factors: list[Tensor | None] = []
        for bucket in batch.grouping.buckets:
            table = np.ones((bucket.examples, heads, queries or bucket.length, bucket.length), dtype=bool)
            for row, member in enumerate(bucket.members):
                run, position = divmod(int(member), batch.size)
                length, end = int(batch.lengths[run, position]), int(ends[run, position])
                asked = queries or length
                own = kept[run][end - heads * asked * length : end]
                table[row, :, :asked, :length] = own.reshape(heads, asked, length)
            factors.append(self._factors(table, like))
        return factors
