"""The optimizer's pass and the gradients' norms from the compiled kernel."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from stabbench.models.kernel.library import Library, Moments, library_for, pointers


def square_sums(tensors: Sequence[Tensor]) -> list[float] | None:
    """Sum of the squares of each tensor's elements; None where the kernel cannot compute them."""
    library = _common_library(tensors)
    if library is None:
        return None
    sums = (ctypes.c_double * len(tensors))()
    library.functions.square_sums(len(tensors), pointers(tensors), _sizes(tensors), sums)
    return list(sums)


class FusedAdamW:
    """The pass over weights and moments, whose tensors stay the same from update to update."""

    def __init__(
        self, library: Library, weights: Mapping[str, Tensor], moments: Mapping[str, tuple[Tensor, Tensor]]
    ) -> None:
        self.library, self.weights, self.moments = library, weights, moments
        self._names: list[str] | None = None

    @classmethod
    def of(
        cls, weights: Mapping[str, Tensor], moments: Mapping[str, tuple[Tensor, Tensor]]
    ) -> FusedAdamW | None:
        """None where the kernel cannot do it."""
        library = _common_library([*weights.values(), *(moment for pair in moments.values() for moment in pair)])
        return cls(library, weights, moments) if library else None

    def takes(self, gradients: Mapping[str, Tensor]) -> bool:
        """Whether gradients like these can be used."""
        return _common_library(list(gradients.values())) is self.library

    def update(
        self,
        names: list[str],
        gradients: Mapping[str, Tensor],
        factors: Sequence[tuple[float, float]],
        beta1: float,
        beta2: float,
        epsilon: float,
        root: float,
        clip: float,
        *,
        decay_first: bool,
    ) -> None:
        """p ← p − step·m / (√v·root + ε) for the named tensors, m and v being those of clip·g.

        `factors` holds step and the factor of the weight, which comes first or last.
        """
        if names != self._names:
            self._names = list(names)
            chosen = [self.weights[name] for name in names]
            firsts, seconds = zip(*(self.moments[name] for name in names), strict=True) if names else ((), ())
            self._fixed = pointers(chosen), pointers(firsts), pointers(seconds)
            self._lengths = _sizes(chosen)
        number = len(names)
        kind = ctypes.c_double * number
        decays, none = kind(*(decay for _, decay in factors)), kind(*[1.0] * number)
        before, after = (decays, none) if decay_first else (none, decays)
        self.library.functions.adamw(
            number, *self._fixed, pointers(gradients[name] for name in names), self._lengths,
            Moments(beta1, beta2, epsilon, root, clip), kind(*(step for step, _ in factors)), before, after,
        )  # fmt: skip
        torch.autograd.graph.increment_version([self.weights[name] for name in names])


def _sizes(tensors: Sequence[Tensor]) -> ctypes.Array[ctypes.c_int64]:
    return (ctypes.c_int64 * len(tensors))(*(tensor.numel() for tensor in tensors))


def _common_library(tensors: Sequence[Tensor]) -> Library | None:
    library = library_for(tensors[0])
    same = tensors[0].dtype
    return library if all(tensor.dtype == same and tensor.is_contiguous() for tensor in tensors) else None
