"""Matrices with a low-rank change added in, by the compiled kernel: LoRA's training weights."""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from stabbench.models.kernel.function import Blocks, empty_like
from stabbench.models.kernel.library import pointers
from stabbench.models.kernel.optimizer import common_library

blocks = Blocks()


def with_low_rank(
    weights: Sequence[Tensor], ups: Sequence[Tensor], downs: Sequence[Tensor], scale: float
) -> tuple[Tensor, ...] | None:
    """W + scale·up·down for each weight `(1, out, in)`, `(1, out, r)` and `(1, r, in)`; None where it cannot.

    Differentiable with respect to `ups` and `downs`, for weights that require no gradient, of one run.
    """
    library = common_library([*weights, *ups, *downs])
    if library is None or any(weight.shape[0] != 1 or weight.requires_grad for weight in weights):
        return None
    change = LowRank(library, weights, ups, downs, scale)
    found: tuple[Tensor, ...] = _Function.apply(change, *ups, *downs)  # type: ignore[no-untyped-call]
    return found


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
        self.library, self.weights, self.ups, self.downs, self.scale = library, weights, ups, downs, scale
        self.leaves, self.outputs = (*ups, *downs), len(weights)
        kind = ctypes.c_int64 * self.outputs
        shapes = [weight.shape for weight in weights]
        outs, ins = (kind(*[shape[axis] for shape in shapes]) for axis in (1, 2))
        self._factors, self._shapes = (pointers(ups), pointers(downs)), (downs[0].shape[1], outs, ins, scale)

    def equals(self, other: LowRank) -> bool:
        """Whether the other one is the same change of the same matrices by the same factors."""
        return self.scale == other.scale and all(map(operator.is_, self.leaves, other.leaves))

    def forward(self) -> list[Tensor]:
        """Give w + scale·up·down."""
        found = empty_like(self.weights, blocks)
        self.library.add_low_rank(self.outputs, pointers(found), pointers(self.weights), *self._factors, *self._shapes)
        return found

    def follow(self, slopes: list[Tensor]) -> list[Tensor]:
        """Gradients of the ups, then of the downs."""
        found = [torch.empty_like(leaf) for leaf in self.leaves]
        into = pointers(found[: self.outputs]), pointers(found[self.outputs :])
        self.library.low_rank_slopes(self.outputs, pointers(slopes), *self._factors, *into, *self._shapes)
        return found


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, change: LowRank, *leaves: Tensor) -> tuple[Tensor, ...]:
        ctx.change = change
        return tuple(change.forward())

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        return None, *ctx.change.follow([slope.contiguous() for slope in slopes])
