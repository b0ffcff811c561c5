"""Random draws keyed by (seed, stream, step, place, call): never by what else was drawn, nor by who trains beside.

Every draw comes from Philox 4x64-10 (Salmon et al., 2011), a counter-based generator: the key is (seed, stream), the
upper counter words are (step, place, call), the lowest counts the values. So a run's dropout masks, data order,
initial head and noise are functions of its seed alone, and drawing more of one changes nothing of another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

DROPOUT_LEVELS = 1 << 16


@lru_cache(maxsize=4096)
def place_number(name: str) -> int:
    """A 64-bit number for the name of a stream or place."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")


class Draws:
    """Draws of one seed in one stream (`head`, `order`, `dropout`, `strategy`)."""

    def __init__(self, seed: int, stream: str) -> None:
        self.seed = seed
        self.stream = stream
        key = np.array([seed, place_number(stream)], dtype=np.uint64)
        self._bits = np.random.Philox(key=key, counter=np.zeros(4, dtype=np.uint64))
        self._state = self._bits.state

    def _at(self, place: str, step: int, call: int) -> np.random.Philox:
        counter = self._state["state"]["counter"]
        counter[0], counter[1], counter[2], counter[3] = 0, step, place_number(place), call
        self._state["buffer_pos"] = 4
        self._state["has_uint32"] = 0
        self._bits.state = self._state
        return self._bits

    def generator(self, place: str, step: int = 0, call: int = 0) -> np.random.Generator:
        """A NumPy generator that starts at this place; it is good until the next draw from this object."""
        return np.random.Generator(self._at(place, step, call))

    def levels(self, place: str, count: int, step: int = 0, call: int = 0) -> npt.NDArray[np.uint16]:
        """`count` uniform 16-bit integers, shape `(count,)`."""
        words = self._at(place, step, call).random_raw(-(-count // 4))
        return words.view(np.uint16)[:count]

    def uniform(self, place: str, shape: Sequence[int], step: int = 0, call: int = 0) -> npt.NDArray[np.float64]:
        """Uniform numbers in [0, 1) of the given shape."""
        return self.generator(place, step, call).random(tuple(shape))

    def normal(self, place: str, shape: Sequence[int], step: int = 0, call: int = 0) -> npt.NDArray[np.float64]:
        """Standard normal numbers of the given shape."""
        return self.generator(place, step, call).standard_normal(tuple(shape))

    def permutation(self, place: str, count: int, step: int = 0) -> npt.NDArray[np.int64]:
        """A random order of `0 … count − 1`."""
        return self.generator(place, step).permutation(count)


def dropout_threshold(probability: float) -> tuple[int, float]:
    """The 16-bit level below which a value is dropped, and the scale of those kept.

    The scale is the inverse of the probability that the levels really have, so that the expectation is exact.
    """
    threshold = round(probability * DROPOUT_LEVELS)
    return threshold, DROPOUT_LEVELS / (DROPOUT_LEVELS - threshold)
