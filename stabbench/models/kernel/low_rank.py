"""Matrices with a low-rank change added in, by the compiled kernel: LoRA's training weights."""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Sequence

import torch
from torch import Tensor

from stabbench.models.kernel.chain import Latest, computed
from stabbench.models.kernel.function import Blocks, empty_like
from stabbench.models.kernel.library import pointers
from stabbench.models.kernel.optimizer import common_library

blocks, latest = Blocks(), Latest()
REQUIRES_GRAD = operator.attrgetter("requires_grad")


def with_low_rank(
    weights: Sequence[Tensor], ups: Sequence[Tensor], downs: Sequence[Tensor], scale: float
) -> tuple[Tensor, ...] | None:
    """W + scale·up·down for each weight `(1, out, in)`, `(1, out, r)` and `(1, r, in)`; None where it cannot.

    Differentiable with respect to `ups` and `downs`, for weights that require no gradient, of one run.
    """
    change: LowRank | None = latest.get()
    if change is None or not change.has(weights, ups, downs, scale):
        library = common_library([*weights, *ups, *downs])
        if library is None or any(weight.shape[0] != 1 for weight in weights):
            return None
        change = LowRank(library, weights, ups, downs, scale)
        latest.keep(change)
    if any(map(REQUIRES_GRAD, weights)):
        return None
    return computed(change)


class LowRank:
    """One change of all matrices by their thin factors; `chain.Change`."""

    def __init__(
        self,
        library: ctypes.CDLL,
        weights: Sequence[Tensor],
        ups: Sequence[Tensor],
        downs: Sequence[Tensor],
        scale: float,
    ) -> None:
        self.library, self.ups, self.downs, self.scale = library, ups, downs, scale
        self.weights, self.leaves, self.outputs = weights, (*ups, *downs), len(weights)
        kind = ctypes.c_int64 * self.outputs
        shapes = [weight.shape for weight in weights]
        outs, ins = (kind(*[shape[axis] for shape in shapes]) for axis in (1, 2))
        self._weights, self._factors = pointers(weights), (pointers(ups), pointers(downs))
        self._shapes = downs[0].shape[1], outs, ins, scale

    def has(self, weights: Sequence[Tensor], ups: Sequence[Tensor], downs: Sequence[Tensor], scale: float) -> bool:
        """Whether it is the change of these very matrices by these factors."""
        own, given = (*self.leaves, *self.weights), (*ups, *downs, *weights)
        return scale == self.scale and len(own) == len(given) and all(map(operator.is_, own, given))

    def forward(self) -> list[Tensor]:
        """Give w + scale·up·down."""
        found = empty_like(self.weights, blocks)
        self.library.add_low_rank(self.outputs, pointers(found), self._weights, *self._factors, *self._shapes)
        return found

    def follow(self, slopes: list[Tensor]) -> list[Tensor]:
        """Gradients of the ups, then of the downs."""
        found = [torch.empty_like(leaf) for leaf in self.leaves]
        into = pointers(found[: self.outputs]), pointers(found[self.outputs :])
        self.library.low_rank_slopes(self.outputs, pointers(slopes), *self._factors, *into, *self._shapes)
        return found
