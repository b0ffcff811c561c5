"""The optimizer's pass and the gradients' norms from the compiled kernel."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from stabbench.models.kernel.library import Update, library_for, pointers


class GradientTable(dict[str, Tensor]):
    """Gradients that keep their place in memory, so that their addresses are looked up once."""

    def __init__(self, gradients: Mapping[str, Tensor]) -> None:
        super().__init__(gradients)
        self.addresses = pointers(gradients.values())


def square_sums(tensors: Sequence[Tensor]) -> list[float] | None:
    """Sum of the squares of each tensor's elements; None where the kernel cannot compute them."""
    library = common_library(tensors)
    if library is None:
        return None
    sums = (ctypes.c_double * len(tensors))()
    library.square_sums(len(tensors), pointers(tensors), sizes(tensors), sums)
    return list(sums)


class FusedAdamW:
    """The pass over weights and moments, whose tensors stay the same from update to update."""

    def __init__(
        self, library: ctypes.CDLL, weights: Mapping[str, Tensor], moments: Mapping[str, tuple[Tensor, Tensor]]
    ) -> None:
        self.library, self.weights = library, list(weights.values())
        self._number, self._names, self._sizes = len(weights), list(weights), sizes(self.weights)
        self._addresses = (
            pointers(self.weights),
            pointers(moments[name][0] for name in weights),
            pointers(moments[name][1] for name in weights),
        )
        self._factors: Sequence[tuple[float, float]] = ()

    @classmethod
    def of(cls, weights: Mapping[str, Tensor], moments: Mapping[str, tuple[Tensor, Tensor]]) -> FusedAdamW | None:
        """None where the kernel cannot do it."""
        library = common_library([*weights.values(), *(moment for pair in moments.values() for moment in pair)])
        return cls(library, weights, moments) if library else None

    def takes(self, gradients: Mapping[str, Tensor]) -> bool:
        """Whether gradients like these can be used."""
        return isinstance(gradients, GradientTable) or common_library(list(gradients.values())) is self.library

    def update(self, gradients: Mapping[str, Tensor], update: Update, factors: Sequence[tuple[float, float]]) -> None:
        """One update in place; `factors` holds the factor of the rate and the decay of each tensor, in their order."""
        if factors is not self._factors:
            kind = ctypes.c_double * self._number
            self._factors = factors
            self._rates, self._decays = kind(*(rate for rate, _ in factors)), kind(*(decay for _, decay in factors))
        found = (
            gradients.addresses
            if isinstance(gradients, GradientTable)
            else pointers(gradients[name] for name in self._names)
        )
        self.library.adamw(self._number, *self._addresses, found, self._sizes, update, self._rates, self._decays)
        torch.autograd.graph.increment_version(self.weights)


def sizes(tensors: Sequence[Tensor]) -> ctypes.Array[ctypes.c_int64]:
    """Numbers of elements."""
    return (ctypes.c_int64 * len(tensors))(*(tensor.numel() for tensor in tensors))


def common_library(tensors: Sequence[Tensor]) -> ctypes.CDLL | None:
    """The library that computes with all of these tensors as they lie in memory, or None."""
    library = library_for(tensors[0])
    same = tensors[0].dtype
    return library if all(tensor.dtype == same and tensor.is_contiguous() for tensor in tensors) else None
