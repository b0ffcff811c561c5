"""Dropout whose masks are functions of seed, step, place and position, so that a run's masks are its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stabbench.models.architecture import DropoutPlaces
from stabbench.models.batch import Batch, Integers
from stabbench.models.compilation import compiled
from stabbench.models.device_batch import DeviceBatch
from stabbench.models.device_draws import LEVELS_A_BLOCK, DeviceDraws
from stabbench.randomness import DROPOUT_LEVELS, Draws, dropout_threshold


@dataclass(frozen=True)
class Padded:
    """Some of a run's texts, padded: `chosen` are their places in the batch whose texts have `lengths` `(B,)`.

    `drawn` holds the levels of the whole batch, by place, which the next ones of its texts need, too.
    """

    lengths: Integers
    chosen: Integers
    longest: int
    drawn: dict[str, npt.NDArray[np.uint16]]

    def extents(self, shape: Sequence[int]) -> npt.NDArray[np.int64]:
        """How much of each axis but the first belongs to each text of the batch, `(B, axes)`.

        A tensor `(texts, tokens, …)`, `(texts, …, tokens)` or `(texts, heads, tokens, tokens)` has as many tokens as
        the text. One that is not of texts has one part, whole.
        """
        texts = shape[0] == len(self.chosen)
        extents = np.tile(np.array(shape[1:] if texts else [math.prod(shape)]), (len(self.lengths) if texts else 1, 1))
        if texts:
            extents[:, self._axes_of_tokens(shape[1:])] = self.lengths[:, None]
        return extents

    def _axes_of_tokens(self, sizes: Sequence[int]) -> list[int]:
        of_tokens = [axis for axis, size in enumerate(sizes) if size == self.longest]
        if len(sizes) == 3 and of_tokens[-2:] == [1, 2]:
            return [1, 2]
        return of_tokens[:1] if len(sizes) > 1 else []


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

    def factors(self, place: str, values: Tensor, padded: Padded) -> Tensor | None:
        """What a module's `values` of padded texts are multiplied with: 0, or the scale; None where all are kept.

        Each text's are the same whatever it is padded to, and whichever texts are computed with it.
        """
        if not self.threshold:
            return None
        extents = padded.extents(values.shape)
        ends = np.cumsum(extents.prod(axis=1))
        if place not in padded.drawn:
            padded.drawn[place] = self.draws[0].levels(place, int(ends[-1]), self.step, self.call)
        levels, real = padded.drawn[place], np.float64 if values.dtype == torch.float64 else np.float32
        if len(extents) == 1 and values.shape[0] != len(padded.chosen):
            return torch.from_numpy(((levels >= self.threshold) * real(self.scale)).reshape(values.shape))
        found = np.zeros(tuple(values.shape), dtype=real)
        for row, text in enumerate(padded.chosen):
            own = levels[ends[text] - extents[text].prod() : ends[text]].reshape(extents[text])
            np.multiply(own >= self.threshold, real(self.scale), out=found[row][tuple(map(slice, extents[text]))])
        return torch.from_numpy(found).to(values.device)

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

    def factors(self, place: str, values: Tensor, padded: Padded) -> Tensor | None:
        """As `Dropout.factors`."""
        if not self.threshold:
            return None
        extents = padded.extents(values.shape)
        sizes = extents.prod(axis=1)
        levels = self.draws.levels(place, int(sizes.sum()), self.step, self.call).view(-1)
        if values.shape[0] == len(padded.chosen):
            starts, strides = np.cumsum(sizes) - sizes, np.ones_like(extents)
            strides[:, :-1] = np.cumprod(extents[:, :0:-1], axis=1)[:, ::-1]
            index = torch.from_numpy(starts[padded.chosen]).to(values.device).view(-1, *[1] * (values.dim() - 1))
            for axis, size in enumerate(values.shape[1:]):
                steps = (
                    torch.from_numpy(strides[padded.chosen, axis])
                    .to(values.device)
                    .view(index.shape[0], *[1] * (values.dim() - 1))
                )
                index = index + steps * torch.arange(size, device=values.device).view(
                    -1, *[1] * (values.dim() - 2 - axis)
                )
            levels = levels[index.clamp(max=len(levels) - 1)]
        real = torch.float64 if values.dtype == torch.float64 else torch.float32
        return ((levels >= self.least).to(real) * self.scale).view(values.shape)

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


class ByPlace(NamedTuple):
    """The same draws with the probability of each kind of place."""

    hidden: Dropout | DeviceDropout
    attention: Dropout | DeviceDropout
    head: Dropout | DeviceDropout
    head_input: Dropout | DeviceDropout


def by_place(dropout: Dropout | DeviceDropout, places: DropoutPlaces) -> ByPlace:
    """One number at all places, or with None the model's own at each."""
    if places.own is None:
        return ByPlace(dropout, dropout, dropout, dropout)
    hidden, attention, head = places.own
    at_input = head if places.own_head_input is None else places.own_head_input
    return ByPlace(*(dropout.asked(probability) for probability in (hidden, attention, head, at_input)))


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
