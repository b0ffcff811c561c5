"""Matrices of which some columns are put back to where they were, by the compiled kernel: Mixout's training weights."""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Sequence

import torch
from torch import Tensor

from stabbench.models.kernel.chain import Latest, computed
from stabbench.models.kernel.function import Blocks, empty_like
from stabbench.models.kernel.library import DropoutKeys, pointers
from stabbench.models.kernel.optimizer import common_library, sizes
from stabbench.randomness import Draws, place_number

blocks, latest = Blocks(), Latest()


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
    matrices: Matrices | None = latest.get()
    if matrices is None or not matrices.are(weights, centres, places):
        library = common_library([*weights, *centres])
        if library is None or len(draws) != 1:
            return None
        matrices = Matrices(library, weights, centres, places)
        latest.keep(matrices)
    return computed(PutBack(matrices, draws[0], step, probability))


class Matrices:
    """Weights, their centres and the places of their draws, as the C functions take them."""

    def __init__(
        self, library: ctypes.CDLL, weights: Sequence[Tensor], centres: Sequence[Tensor], places: Sequence[str]
    ) -> None:
        self.library, self.weights, self.centres, self.places = library, weights, centres, places
        self.count, self.widths = len(weights), [weight.shape[-1] for weight in weights]
        self.numbers = (ctypes.c_uint64 * self.count)(*map(place_number, places))
        self.columns, self.sizes = (ctypes.c_int64 * self.count)(*self.widths), sizes(weights)
        self.there, self.centred = pointers(weights), pointers(centres)

    def are(self, weights: Sequence[Tensor], centres: Sequence[Tensor], places: Sequence[str]) -> bool:
        """Whether they are these very ones."""
        own, given = (*self.weights, *self.centres), (*weights, *centres)
        return places == self.places and len(own) == len(given) and all(map(operator.is_, own, given))


class PutBack:
    """One putting back of all matrices, with a factor for each column of each; `chain.Change`."""

    def __init__(self, matrices: Matrices, draws: Draws, step: int, probability: float) -> None:
        self.matrices, self.leaves, self.outputs = matrices, matrices.weights, matrices.count
        self._table = torch.empty(matrices.count, max(matrices.widths), dtype=matrices.weights[0].dtype)
        begin, row = self._table.data_ptr(), self._table.shape[1] * self._table.itemsize
        self._factors = (ctypes.c_void_p * self.outputs)(*range(begin, begin + self.outputs * row, row))
        keys = DropoutKeys(draws.seed, place_number(draws.stream), step)
        scale = 1 / (1 - probability) if probability < 1 else 0.0
        matrices.library.kept_columns(
            self.outputs, self._factors, keys, matrices.numbers, matrices.columns, probability, scale
        )

    def forward(self) -> list[Tensor]:
        """Give u + f·(w − u)."""
        found = empty_like(self.leaves, blocks)
        self._scale(pointers(found), self.matrices.there, self.matrices.centred)
        return found

    def follow(self, slopes: list[Tensor]) -> list[Tensor]:
        """f·slope, in place."""
        there = pointers(slopes)
        self._scale(there, there, None)
        return slopes

    def _scale(self, to: object, of: object, centres: object) -> None:
        matrices = self.matrices
        matrices.library.scale_columns(self.outputs, to, of, centres, self._factors, matrices.sizes, matrices.columns)
