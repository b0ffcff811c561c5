"""Matrices with a low-rank change added in, by the compiled kernel: the training weights of LoRA and of DoRA."""

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
    change = _change(weights, ups, downs, scale)
    return None if change is None else computed(change)


def with_lengths(
    weights: Sequence[Tensor], ups: Sequence[Tensor], downs: Sequence[Tensor], scale: float, lengths: Sequence[Tensor]
) -> tuple[Tensor, ...] | None:
    """m·V/‖V‖ for each such V = W + scale·up·down and its m, `(1, out)`, with the norms of V's rows as constants.

    Differentiable with respect to `ups`, `downs` and `lengths`; None where `with_low_rank` is.
    """
    change = _change(weights, ups, downs, scale)
    if change is None or common_library(lengths) is not change.library:
        return None
    return computed(Lengthened(change, lengths))


def _change(weights: Sequence[Tensor], ups: Sequence[Tensor], downs: Sequence[Tensor], scale: float) -> LowRank | None:
    """The change of these matrices, the last one where it was theirs; None where the kernel cannot make it."""
    change: LowRank | None = latest.get()
    if change is None or not change.has(weights, ups, downs, scale):
        library = common_library([*weights, *ups, *downs])
        if library is None or any(weight.shape[0] != 1 for weight in weights):
            return None
        change = LowRank(library, weights, ups, downs, scale)
        latest.keep(change)
    return None if any(map(REQUIRES_GRAD, weights)) else change


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
        self.sides = outs, ins
        """Rows and columns of each matrix."""
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


class Lengthened:
    """A change after which each row is given a length; `chain.Change`. It keeps what `follow` needs of `forward`."""

    def __init__(self, change: LowRank, lengths: Sequence[Tensor]) -> None:
        self.change, self.lengths = change, lengths
        self.leaves, self.outputs = (*change.leaves, *lengths), change.outputs

    def forward(self) -> list[Tensor]:
        """Give m·V/‖V‖."""
        directions, norms = self.change.forward(), empty_like(self.lengths, blocks)
        found = empty_like(directions, blocks)
        self._kept = directions, norms  # their memory is lent for as long as they are held
        self._there = pointers(directions), pointers(self.lengths), pointers(norms)
        self.change.library.give_lengths(self.outputs, pointers(found), *self._there, *self.change.sides)
        return found

    def follow(self, slopes: list[Tensor]) -> list[Tensor]:
        """Gradients of the ups, the downs, then the lengths; the slopes are used up."""
        found = [torch.empty_like(each) for each in self.lengths]
        into = pointers(slopes), *self._there, pointers(found)
        self.change.library.length_slopes(self.outputs, *into, *self.change.sides)
        return [*self.change.follow(slopes), *found]
