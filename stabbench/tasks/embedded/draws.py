"""Seeded draws for the generators, and the side (train or held out) on which a text falls."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal, TypeVar

import numpy as np

T = TypeVar("T")
Split = Literal["train", "dev"]

_BLOCK = 4096


class Draws:
    """Uniform draws from a `numpy.random.Generator` that belongs to a seed and a named stream.

    Numbers are taken in blocks, since a generator call costs more than all else in a draw.
    """

    def __init__(self, seed: int, stream: str) -> None:
        key = int.from_bytes(hashlib.sha256(stream.encode("utf-8")).digest()[:8], "big")
        self._generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, key])))
        self._block: list[float] = []

    def uniform(self) -> float:
        """A number in [0, 1)."""
        if not self._block:
            self._block = self._generator.random(_BLOCK).tolist()
        return self._block.pop()

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self.uniform() < probability

    def choice(self, items: Sequence[T]) -> T:
        """One of `items`, each as likely as the others."""
        return items[int(self.uniform() * len(items))]

    def weighted(self, items: Sequence[tuple[T, float]]) -> T:
        """One of `items`, as likely as its weight; the weights sum to one."""
        left = self.uniform()
        for item, weight in items:
            left -= weight
            if left < 0:
                return item
        return items[-1][0]


def split_of(text: str) -> Split:
    """The split a text may stand in: a function of the text alone, half of all texts each.

    So training and dev examples, pretraining text and held-out text are disjoint for every size and seed.
    """
    return "dev" if hashlib.sha256(text.encode("utf-8")).digest()[0] & 1 else "train"
