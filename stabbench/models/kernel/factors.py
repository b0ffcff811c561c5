"""Gradients of the factors of a low-rank change, which the kernel writes in the place of the matrices' own."""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Mapping, Sequence
from itertools import compress

import torch
from torch import Tensor

from stabbench.models.kernel.chain import Noted
from stabbench.models.kernel.function import Layout
from stabbench.models.kernel.library import Factors
from stabbench.models.kernel.low_rank import LowRank

MOST_RANK = 64
FIRST, TENSORS = 7, 16
"""Where the layers begin in the kernel's table, and how many tensors one has there."""
LINEAR = (0, 2, 4, 6, 10, 12)
"""The weights among them of its linear layers."""
HEAD = 4
"""How many tensors stand behind the layers: weights and biases of pooler and classifier."""


class FactorGradients:
    """The factors of one change of the matrices `names`, as the kernel takes them, with memory for their gradients."""

    def __init__(self, layout: Layout, change: LowRank, names: Mapping[str, int], leaves: Mapping[int, str]) -> None:
        self.change, self.names = change, names
        found = [torch.empty_like(leaf, requires_grad=False) for leaf in change.leaves]
        self.gradients = {leaves[id(leaf)]: tensor for leaf, tensor in zip(change.leaves, found, strict=True)}
        """By the names of the factors."""
        half, rank = change.outputs, change.downs[0].shape[1]
        parts = (change.ups, change.downs, found[:half], found[half:])
        addresses = [[tensor.data_ptr() for tensor in part] for part in parts]
        self._all = (Factors * half)(*(Factors(*four, rank, change.scale) for four in zip(*addresses, strict=True)))
        begin, size = ctypes.addressof(self._all), ctypes.sizeof(Factors)
        here = {layout.names.index(name): begin + number * size for name, number in names.items()}
        self.table = (ctypes.c_void_p * len(layout.table))(*(here.get(number) for number in layout.table))
        """For each place of the kernel's table, where the factors of its weight are."""

    def fits(self, change: LowRank, numbers: Mapping[str, int | None]) -> bool:
        """Whether it is for this change of these matrices."""
        return self.change is change and self.names == numbers

    @classmethod
    def of(
        cls, layout: Layout, acting: Sequence[Tensor], weights: Mapping[str, Tensor], noted: Sequence[Noted],
        last: FactorGradients | None,
    ) -> FactorGradients | None:  # fmt: skip
        """Those of the one change that was noted while the acting weights, in the layout's order, were made of others.

        `last` where it fits; None where anything else was done to a weight, or to a matrix with its change, or where
        the kernel had better give gradients of whole matrices.
        """
        if len(noted) != 1 or noted[0].made[0]._version:
            return None
        change, made = noted[0]
        if not isinstance(change, LowRank):
            return None
        changed = [*map(operator.is_not, acting, map(weights.get, layout.names))]
        places = {id(tensor): number for number, tensor in enumerate(made)}
        found = [places.get(id(tensor)) for tensor in compress(acting, changed)]
        numbers = dict(zip(compress(layout.names, changed), found, strict=True))
        if last is not None and last.fits(change, numbers):
            return last
        if len(numbers) != len(made) or {*numbers.values()} != {*places.values()}:
            return None
        leaves = {id(weight): name for name, weight in weights.items() if weight.requires_grad}
        factors = {leaves.get(id(leaf), "") for leaf in change.leaves}
        if "" in factors or len(factors) != len(change.leaves) or not {*leaves.values()} <= factors | {*layout.names}:
            return None
        if not _thin(change) or not all(_of_layers(layout, name) for name in numbers):
            return None
        return cls(layout, change, {name: number for name, number in numbers.items() if number is not None}, leaves)


def _thin(change: LowRank) -> bool:
    """Whether products with the factors are less work than those of whole matrices."""
    rank = change.downs[0].shape[1]
    return rank <= MOST_RANK and all(
        2 * rank * (matrix.shape[1] + matrix.shape[2]) <= matrix.shape[1] * matrix.shape[2] for matrix in change.weights
    )


def _of_layers(layout: Layout, name: str) -> bool:
    """Whether it is the weight of a linear layer of the encoder's layers."""
    own = layout.names.index(name)
    places = [place for place, number in enumerate(layout.table) if number == own]
    last = len(layout.table) - HEAD
    return all(FIRST <= place < last and (place - FIRST) % TENSORS in LINEAR for place in places)
