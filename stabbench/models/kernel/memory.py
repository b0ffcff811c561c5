"""Large blocks of memory that are used again as soon as nobody holds them."""

from __future__ import annotations

import contextlib
import weakref

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
ALIGNMENT = 64
KEPT = 4


class Blocks:
    """Lends memory; a block comes back when the array that lends it, and every tensor made of it, is gone."""

    def __init__(self) -> None:
        self._free: list[Bytes] = []

    def lend(self, size: int) -> Bytes:
        """`size` bytes, uninitialised, that begin at a multiple of 64."""
        block = self._fitting(size + ALIGNMENT)
        start = -block.ctypes.data % ALIGNMENT
        lent = block[start : start + size]
        weakref.finalize(lent, self._take_back, block).atexit = False
        return lent

    def _fitting(self, size: int) -> Bytes:
        with contextlib.suppress(IndexError):
            while True:
                block = self._free.pop()
                if block.nbytes >= size:
                    return block
        return np.empty(size + size // 4, dtype=np.uint8)

    def _take_back(self, block: Bytes) -> None:
        if len(self._free) < KEPT:
            self._free.append(block)
