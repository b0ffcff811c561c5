"""Gradients of the factors of a low-rank change, which the kernel writes in the place of the matrices' own."""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Mapping, Sequence
from itertools import compress

import torch
from torch import Tensor

from stabbench.models.kernel.function import Layout
from stabbench.models.kernel.library import Factors
from stabbench.models.kernel.low_rank import LowRank

MOST_RANK = 64
FIRST, TENSORS = 7, 16
"""Where the layers begin in the kernel's table, and how many tensors one has there."""
OUTPUT = operator.attrgetter("output_nr")
LINEAR = (0, 2, 4, 6, 10, 12)
"""The weights among them of its linear layers."""


class FactorGradients:
    """The factors of one change of the matrices `names`, as the kernel takes them, with memory for their gradients."""

    def __init__(self, layout: Layout, change: LowRank, names: Mapping[str, int], leaves: Mapping[int, str]) -> None:
        self.change, self.names = change, names
        found = [torch.empty_like(leaf, requires_grad=False) for leaf in change.leaves]
        self.gradients = {leaves[id(leaf)]: tensor for leaf, tensor in zip(change.leaves, found, strict=True)}
        """By the names of the factors."""
        half, rank = change.outputs, change.downs[0].shape[1]
        addresses = [[tensor.data_ptr() for tensor in some] for some in (change.ups, change.downs, found[:half], found[half:])]
        self._all = (Factors * half)(*(Factors(*four, rank, change.scale) for four in zip(*addresses, strict=True)))
        begin, size = ctypes.addressof(self._all), ctypes.sizeof(Factors)
        here = {layout.names.index(name): begin + number * size for name, number in names.items()}
        self.table = (ctypes.c_void_p * len(layout.table))(*(here.get(number) for number in layout.table))
        """For each place of the kernel's table, where the factors of its weight are."""

    @classmethod
    def of(
        cls, layout: Layout, acting: Sequence[Tensor], weights: Mapping[str, Tensor], last: FactorGradients | None
    ) -> FactorGradients | None:
        """Those of the change that made the acting weights, in the layout's order, of the weights.

        `last` where it is still right; None where something else did, too, or where the kernel had better give
        gradients of whole matrices.
        """
        changed = [*map(operator.is_not, acting, map(weights.get, layout.names))]
        names, tensors = [*compress(layout.names, changed)], [*compress(acting, changed)]
        node = tensors[0].grad_fn if names else None
        change = getattr(node, "change", None)
        if not isinstance(change, LowRank) or any(tensor.grad_fn is not node for tensor in tensors):
            return None
        numbers = dict(zip(names, map(OUTPUT, tensors), strict=True))
        if last is not None and last.change is change and last.names == numbers:
            return last
        if change.outputs != len(names):
            return None
        leaves = {id(weight): name for name, weight in weights.items() if weight.requires_grad}
        known = set(layout.names) - set(names)
        factors = {leaves.get(id(leaf), "") for leaf in change.leaves}
        if len(factors) != len(change.leaves) or factors | known < set(leaves.values()) or "" in factors:
            return None
        if not _thin(change) or not all(_of_layers(layout, name) for name in names):
            return None
        return cls(layout, change, numbers, leaves)


def _thin(change: LowRank) -> bool:
    """Whether products with the factors are less work than those of whole matrices."""
    rank = change.downs[0].shape[1]
    return rank <= MOST_RANK and all(
        2 * rank * (matrix.shape[1] + matrix.shape[2]) <= matrix.shape[1] * matrix.shape[2] for matrix in change.weights
    )


def _of_layers(layout: Layout, name: str) -> bool:
    """Whether it is the weight of a linear layer of the encoder's layers."""
    own = layout.names.index(name)
    return all((place - FIRST) % TENSORS in LINEAR for place, number in enumerate(layout.table) if number == own)
