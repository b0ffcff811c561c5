"""The optimizer's pass and the gradients' norms from the compiled kernel."""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from stabbench.models.kernel.library import Update, library_for, pointers


class GradientTable(dict[str, Tensor]):
    """Gradients that keep their place in memory, so that their addresses are looked up once.

    `addresses` are those of the tensors `names`, none where there is no gradient.
    """

    def __init__(self, gradients: Mapping[str, Tensor], names: Sequence[str], library: ctypes.CDLL) -> None:
        super().__init__(gradients)
        self.library, self.names = library, names
        self.addresses = pointers(gradients.get(name) for name in names)
        elements = (gradients[name].numel() if name in gradients else 0 for name in names)
        self.sizes = (ctypes.c_int64 * len(names))(*elements)

    def holds(self, gradients: Mapping[str, Tensor]) -> bool:
        """Whether these are the very tensors of the table, all of them by their names."""
        return len(gradients) == len(self) and all(map(operator.is_, map(self.get, gradients), gradients.values()))

    def square_sums(self) -> list[float]:
        """Sum of the squares of each gradient's elements, in the order of `names`; 0 where there is none."""
        sums = (ctypes.c_double * len(self.names))()
        self.library.square_sums(len(self.names), self.addresses, self.sizes, sums)
        return list(sums)


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

    def __init__(self, library: ctypes.CDLL, weights: Mapping[str, Tensor]) -> None:
        self.library, self.weights = library, list(weights.values())
        self._number, self._names, self._sizes = len(weights), list(weights), sizes(self.weights)
        self._weights, self._moments = pointers(self.weights), (pointers(()), pointers(()))
        self._trained = -1
        self._factors: Sequence[tuple[float, float]] = ()

    @classmethod
    def of(cls, weights: Mapping[str, Tensor]) -> FusedAdamW | None:
        """None where the kernel cannot do it."""
        library = common_library(list(weights.values()))
        return cls(library, weights) if library else None

    def takes(self, gradients: Mapping[str, Tensor]) -> bool:
        """Whether gradients like these can be used."""
        return isinstance(gradients, GradientTable) or common_library(list(gradients.values())) is self.library

    def update(
        self,
        gradients: Mapping[str, Tensor],
        moments: Mapping[str, Mapping[str, Tensor]],
        update: Update,
        factors: Sequence[tuple[float, float]],
    ) -> None:
        """One update in place; `factors` holds the factor of the rate and the decay of each tensor, in their order.

        `moments` has the `first` and `second` of each. A tensor whose rate's factor is 0 needs neither gradient nor
        moments; once there, moments stay where they are.
        """
        if factors is not self._factors:
            kind = ctypes.c_double * self._number
            self._factors = factors
            self._rates, self._decays = kind(*(rate for rate, _ in factors)), kind(*(decay for _, decay in factors))
        if len(moments) != self._trained:
            self._trained = len(moments)
            found = [moments.get(name, {}) for name in self._names]
            self._moments = pointers(m.get("first") for m in found), pointers(m.get("second") for m in found)
        slopes = (
            gradients.addresses
            if isinstance(gradients, GradientTable)
            else pointers(gradients.get(name) for name in self._names)
        )
        self.library.adamw(
            self._number, self._weights, *self._moments, slopes, self._sizes, update, self._rates, self._decays
        )
        torch.autograd.graph.increment_version(self.weights)


def sizes(tensors: Sequence[Tensor]) -> ctypes.Array[ctypes.c_int64]:
    """Numbers of elements."""
    return (ctypes.c_int64 * len(tensors))(*(tensor.numel() for tensor in tensors))


def common_library(tensors: Sequence[Tensor], products: torch.dtype | None = None) -> ctypes.CDLL | None:
    """The library that computes with all of these tensors as they lie in memory, or None; see `library_for`."""
    library = library_for(tensors[0], products) if tensors else None
    return library if library and alike(tensors, tensors[0].dtype) else None


def alike(tensors: Sequence[Tensor], dtype: torch.dtype) -> bool:
    """Whether all of them are contiguous and of this type."""
    return all(tensor.dtype == dtype and tensor.is_contiguous() for tensor in tensors)
