"""Dropout whose masks are functions of seed, step, place and position, so that a run's masks are its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from stabbench.models.batch import Batch
from stabbench.models.compilation import compiled
from stabbench.models.device_batch import DeviceBatch
from stabbench.models.device_draws import LEVELS_A_BLOCK, DeviceDraws
from stabbench.randomness import DROPOUT_LEVELS, Draws, dropout_threshold


def dropped(values: Tensor, kept: Tensor | None, scale: float) -> Tensor:
    """`values` where kept, times `scale`, else 0; all of them as they are where `kept` is None."""
    return values if kept is None else values * kept * scale


class Dropout:
    """The masks of one forward pass: `draws[s]` belongs to run `s`; `step` and `call` key every draw.

    A probability of 0 draws nothing; with None every place has its own, see `asked`. Values are dropped at 16-bit
    resolution and the rest scaled by the inverse of the exact probability of being kept. This one draws with NumPy,
    `DeviceDropout` the same masks on a device.
    """

    def __init__(self, probability: float | None, draws: Sequence[Draws], step: int, call: int = 0) -> None:
        self.probability = probability
        self.draws = draws
        self.step = step
        self.call = call
        if probability is not None:
            self.threshold, self.scale = dropout_threshold(probability)

    def asked(self, probability: float) -> Dropout:
        """This one; the same draws with the `probability` that a place asks for where every place has its own."""
        return self if self.probability is not None else Dropout(probability, self.draws, self.step, self.call)

    def _kept(self, run: int, place: str, count: int) -> np.ndarray:
        return self.draws[run].levels(place, count, self.step, self.call) >= self.threshold

    def rows(self, place: str, counts: Sequence[int], like: Tensor) -> Tensor | None:
        """What is kept of `like` `(S, rows, H)`, of which the first `counts[s]` rows of run `s` are real."""
        if not self.threshold:
            return None
        runs, rows, width = like.shape
        kept = np.ones((runs, rows, width), dtype=bool)
        for run, count in enumerate(counts):
            kept[run, :count] = self._kept(run, place, count * width).reshape(count, width)
        return torch.from_numpy(kept).to(like.device)

    def attention(self, place: str, batch: Batch | DeviceBatch, heads: int, queries: int | None) -> list[Tensor] | None:
        """What is kept of each bucket's attention probabilities: `(examples, heads, queries, length)`; None for all.

        `queries` is the number of query positions of an example, None for all of them. A run draws
        `heads · queries · length` levels for each example, one after the other, at its exact length.
        """
        if not self.threshold:
            return None
        assert isinstance(batch, Batch)
        sizes = heads * batch.lengths * (queries or batch.lengths)
        ends = np.cumsum(sizes, axis=1)
        kept = [self._kept(run, place, int(ends[run, -1])) for run in range(batch.runs)]
        found = []
        order = iter(batch.grouping.order.tolist())
        for bucket in batch.grouping.buckets:
            table = np.ones((bucket.examples, heads, queries or bucket.length, bucket.length), dtype=bool)
            for row in range(bucket.examples):
                run, position = divmod(next(order), batch.size)
                length, end = int(batch.lengths[run, position]), int(ends[run, position])
                asked = queries or length
                own = kept[run][end - heads * asked * length : end]
                table[row, :, :asked, :length] = own.reshape(heads, asked, length)
            found.append(torch.from_numpy(table).to(batch.ids.device))
        return found


class DeviceDropout:
    """`Dropout` whose masks are drawn where the tensors are; `step`, shape `()`, may change under a captured graph."""

    def __init__(self, probability: float | None, draws: DeviceDraws, step: Tensor, call: int = 0) -> None:
        self.probability, self.draws, self.step, self.call = probability, draws, step, call
        if probability is not None:
            self.threshold, self.scale = dropout_threshold(probability)
            self.least = self.threshold - DROPOUT_LEVELS // 2
        self._pairs = compiled(_kept_pairs, step.device)

    def asked(self, probability: float) -> DeviceDropout:
        """As `Dropout.asked`."""
        return self if self.probability is not None else DeviceDropout(probability, self.draws, self.step, self.call)

    def rows(self, place: str, counts: Sequence[int], like: Tensor) -> Tensor | None:
        """As `Dropout.rows`; rows that are not real get masks too, which nothing reads."""
        if not self.threshold:
            return None
        count = like.shape[1] * like.shape[2]
        return (self.draws.levels(place, count, self.step, self.call) >= self.least).view(like.shape)

    def attention(self, place: str, batch: Batch | DeviceBatch, heads: int, queries: int | None) -> list[Tensor] | None:
        """As `Dropout.attention`."""
        if not self.threshold:
            return None
        most = heads * (batch.most_pairs if queries is None else queries * batch.ids.shape[1])
        most = -(-most // LEVELS_A_BLOCK) * LEVELS_A_BLOCK
        levels = self.draws.levels(place, most, self.step, self.call)
        lengths = batch.example_lengths
        asked = lengths if queries is None else torch.full_like(lengths, queries)
        sizes = heads * lengths * asked
        starts = sizes.cumsum(1) - sizes + torch.arange(len(levels), device=levels.device).unsqueeze(1) * most
        facts = torch.stack((starts, lengths, asked)).view(3, -1).index_select(1, batch.grouping.order)
        found = []
        start = 0
        for bucket in batch.grouping.buckets:
            here = facts[:, start : start + bucket.examples]
            found.append(self._pairs(levels, here, heads, queries or bucket.length, bucket.length, self.least))
            start += bucket.examples
        return found


class Masks:
    """Those of the runs whose `draws` are given, at one probability; None where every place has its own."""

    def __init__(self, probability: float | None, draws: Sequence[Draws], device: torch.device) -> None:
        self.probability, self.draws, self.device = probability, draws, device
        self.on_device = None if device.type == "cpu" else DeviceDraws(draws, device)

    def at(self, step: int, call: int = 0) -> Dropout | DeviceDropout:
        """The masks of forward pass `call` in update number `step`."""
        if self.on_device is None:
            return Dropout(self.probability, self.draws, step, call)
        number = torch.full((), step, dtype=torch.int64, device=self.device)
        return DeviceDropout(self.probability, self.on_device, number, call)


def _kept_pairs(levels: Tensor, facts: Tensor, heads: int, queries: int, length: int, least: int) -> Tensor:
    """Which probabilities are kept: `(examples, heads, queries, length)` bool.

    `facts` has a column an example: where its levels start in the flat `levels`, its length and its real queries.
    """
    starts, lengths, asked = facts.view(3, -1, 1, 1, 1).unbind(0)
    head = torch.arange(heads, device=levels.device).view(-1, 1, 1)
    query = torch.arange(queries, device=levels.device).view(-1, 1)
    index = starts + (head * asked + query) * lengths + torch.arange(length, device=levels.device)
    return levels.view(-1)[index.clamp(max=levels.numel() - 1)] >= least
