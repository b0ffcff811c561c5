"""Matrices of which some columns are put back to where they were, by the compiled kernel: Mixout's training weights."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from stabbench.models.kernel.function import Blocks, empty_like
from stabbench.models.kernel.library import DropoutKeys, pointers
from stabbench.models.kernel.optimizer import common_library, sizes
from stabbench.randomness import Draws, place_number

blocks = Blocks()


def put_back(
    weights: Sequence[Tensor],
    centres: Sequence[Tensor],
    draws: Sequence[Draws],
    places: Sequence[str],
    step: int,
    probability: float,
) -> tuple[Tensor, ...] | None:
    """U + f·(w − u) for each weight w with its centre u, differentiable with respect to w; None where it cannot.

    A column's factor f is 0 where the uniform number at its matrix's place is below the probability p, else 1/(1 − p).
    The numbers are those of `Context.uniform`, bit for bit. The kernel does it for one run alone.
    """
    library = common_library([*weights, *centres])
    if library is None or len(draws) != 1:
        return None
    keys = DropoutKeys(draws[0].seed, place_number(draws[0].stream), step)
    numbers = (ctypes.c_uint64 * len(places))(*map(place_number, places))
    scale = 1 / (1 - probability) if probability < 1 else 0.0
    change = _PutBack(library, weights)
    library.kept_columns(len(places), change.factors, keys, numbers, change.widths, probability, scale)
    found: tuple[Tensor, ...] = _Function.apply(change, centres, *weights)  # type: ignore[no-untyped-call]
    return found


class _PutBack:
    """One putting back of all matrices: a factor for each column of each, and the weights; `chain.Change`."""

    def __init__(self, library: ctypes.CDLL, weights: Sequence[Tensor]) -> None:
        self.library, self.leaves, self.outputs = library, weights, len(weights)
        widths = [weight.shape[-1] for weight in weights]
        self._table = torch.empty(len(widths), max(widths), dtype=weights[0].dtype)
        self.widths, self._sizes = (ctypes.c_int64 * len(widths))(*widths), sizes(weights)
        begin, row = self._table.data_ptr(), self._table.shape[1] * self._table.itemsize
        self.factors = (ctypes.c_void_p * len(widths))(*range(begin, begin + len(widths) * row, row))

    def forward(self, centres: Sequence[Tensor]) -> list[Tensor]:
        """Give u + f·(w − u)."""
        found = empty_like(self.leaves, blocks)
        self.library.scale_columns(
            self.outputs, pointers(found), pointers(self.leaves), pointers(centres), self.factors, self._sizes,
            self.widths,
        )  # fmt: skip
        return found

    def follow(self, slopes: list[Tensor]) -> list[Tensor]:
        """f·slope, in place."""
        there = pointers(slopes)
        self.library.scale_columns(self.outputs, there, there, None, self.factors, self._sizes, self.widths)
        return slopes


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, change: _PutBack, centres: Sequence[Tensor], *weights: Tensor) -> tuple[Tensor, ...]:
        ctx.change = change
        return tuple(change.forward(centres))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, *ctx.change.follow([slope.clone(memory_format=torch.contiguous_format) for slope in slopes])
