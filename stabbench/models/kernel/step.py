"""Loss and gradients of an update by the compiled kernel, of which autograd sees the logits at most."""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Callable, Mapping, Sequence
from itertools import compress
from typing import NamedTuple

import torch
from torch import Tensor

from stabbench.models.architecture import Architecture
from stabbench.models.batch import Batch
from stabbench.models.dropout import Dropout
from stabbench.models.kernel.chain import Noted, chained, whole
from stabbench.models.kernel.factors import FactorGradients
from stabbench.models.kernel.function import (
    MOST_LAYERS,
    OUTSIDE,
    Bytes,
    drops,
    empty_like,
    keys_of,
    layout_of,
    shape_of,
    tapes,
    texts_of,
)
from stabbench.models.kernel.library import DropoutKeys, Texts
from stabbench.models.kernel.optimizer import GradientTable, common_library

OBJECTIVES = ("classification",)
"""Those whose own loss the kernel has, by name; a loss of logits in torch goes through `PlainStep.of_logits`."""
REQUIRES_GRAD = operator.attrgetter("requires_grad")


class Asked(NamedTuple):
    """Which gradients the kernel is to give, and where it writes them."""

    wanted: Sequence[bool]
    frozen: frozenset[str] | None
    found: GradientTable
    into: ctypes.Array[ctypes.c_void_p]
    change: FactorGradients | None


class _Pass(NamedTuple):
    """One over a batch in C: the batch, the keys of the masks, memory for what the way back needs, and for logits."""

    texts: Texts
    keys: ctypes.Array[DropoutKeys]
    tape: Bytes
    logits: Tensor


class PlainStep:
    """The loss of one run and its gradients, for weights of the shapes that the training begins with.

    It is the mean cross-entropy of `OBJECTIVES`, but in `of_logits`.
    """

    def __init__(self, architecture: Architecture, library: ctypes.CDLL, weights: Mapping[str, Tensor]) -> None:
        self.library, self.layout, self.architecture = library, layout_of(architecture), architecture
        self.names = self.layout.names
        tensors = [weights[name].detach() for name in self.names]
        self.dtype = tensors[0].dtype
        self.shape = shape_of(architecture, tensors[self.layout.table[0]].shape[1], self.dtype)
        self.gradients = dict(zip(self.names, empty_like(tensors), strict=True))
        """Where each tensor's gradient is written."""
        self._order = list(weights)
        self._asked: Asked | None = None
        self._last: object = None
        self._tensors, self._addresses = tensors, self.layout.addresses(tensors)
        self._places = [
            [at for at, number in enumerate(self.layout.table) if number == own] for own in range(len(tensors))
        ]

    @classmethod
    def of(
        cls,
        architecture: Architecture,
        weights: Mapping[str, Tensor],
        products: torch.dtype | None = None,
    ) -> PlainStep | None:
        """None where the kernel cannot: several runs, no library, a tensor that the model lacks."""
        names = layout_of(architecture).names
        if architecture.layers > MOST_LAYERS or not weights.keys() >= set(names):
            return None
        library = common_library([weights[name] for name in names], products)
        single = all(tensor.shape[0] == 1 for tensor in weights.values())
        return cls(architecture, library, weights) if library is not None and single else None

    def takes(self, weights: Mapping[str, Tensor]) -> bool:
        """Look up where the model's tensors lie; False where one is missing or of another form or type."""
        given = [*map(weights.get, self.names)]
        for number in compress(range(len(given)), map(operator.is_not, given, self._tensors)):
            tensor = given[number]
            if tensor is None or tensor.shape != self.gradients[self.names[number]].shape:
                return False
            if tensor.dtype != self.dtype or not tensor.is_contiguous():
                return False
            self._tensors[number], address = tensor, tensor.data_ptr()
            for place in self._places[number]:
                self._addresses[place] = address
        return True

    def __call__(
        self, batch: Batch, dropout: Dropout, weights: Mapping[str, Tensor], frozen: frozenset[str] | None = None
    ) -> tuple[float, GradientTable]:
        """The loss, and the gradients of the weights that require one; they are good until the next call.

        What is `frozen` requires none: the same set says that nothing has changed about this since the last call.
        Raises ValueError for weights that it does not take.
        """
        if not self.takes(weights):
            raise ValueError("weights of another form than the training began with")
        return self._computed(batch, dropout, self._ask(None, frozen))

    def of_logits(
        self,
        batch: Batch,
        dropout: Dropout,
        weights: Mapping[str, Tensor],
        frozen: frozenset[str],
        loss: Callable[[Tensor], Tensor],
    ) -> tuple[float, GradientTable] | None:
        """The same for a loss, shape `(1,)`, of logits `(1, B, labels)`; None for weights that it does not take."""
        if not self.takes(weights):
            return None
        asked = self._ask(None, frozen)
        texts, keys, tape, logits = self._pass(batch, dropout)
        status = self.library.forward(
            self.shape, texts, keys, self.layout.places, self._addresses, None, True, tape.ctypes.data,
            logits.data_ptr(),
        )  # fmt: skip
        if status:
            raise IndexError(OUTSIDE)
        found = loss(logits.requires_grad_())
        slope = torch.autograd.grad(found.sum(), logits)[0].contiguous()
        self.library.backward(
            self.shape, texts, keys, self._addresses, tape.ctypes.data, slope.data_ptr(), asked.into, None
        )
        return float(found.detach()), asked.found

    def through(
        self, batch: Batch, dropout: Dropout, acting: Mapping[str, Tensor], weights: Mapping[str, Tensor]
    ) -> tuple[float, dict[str, Tensor]] | None:
        """The loss of `acting` weights that were computed of `weights`, and the gradients of these that require one.

        None where the kernel does not take the acting ones, or it cannot be told whose gradient they have.
        """
        if not self.takes(acting):
            return None
        loss, gradients = self._computed(batch, dropout, self._ask(None, None))
        own = chained(acting, weights, gradients)
        if own is None:
            return None
        return loss, gradients if gradients.holds(own) else own

    def by_factors(
        self,
        batch: Batch,
        dropout: Dropout,
        acting: Mapping[str, Tensor],
        weights: Mapping[str, Tensor],
        frozen: frozenset[str],
        noted: Sequence[Noted],
    ) -> tuple[float, GradientTable] | None:
        """The same where a low-rank change was noted; None where `FactorGradients.of` is, and for a ModernBERT."""
        if not noted or self.shape.modern or not self.takes(acting):
            return None
        asked = self._asked
        last = asked.change if asked is not None and asked.frozen is frozen else None
        change = FactorGradients.of(self.layout, self._tensors, weights, noted, last)
        return None if change is None else self._computed(batch, dropout, self._ask(change, frozen))

    def by_change(
        self,
        batch: Batch,
        dropout: Dropout,
        acting: Mapping[str, Tensor],
        weights: Mapping[str, Tensor],
        noted: Sequence[Noted],
    ) -> tuple[float, dict[str, Tensor]] | None:
        """The same where any change was noted, by its own way back; None where `whole` is."""
        found = whole(acting, weights, noted) if self.takes(acting) else None
        if found is None or not {*found.leaves}.isdisjoint(self.gradients.keys() - {*found.outputs}):
            return None
        loss, gradients = self._computed(batch, dropout, self._ask(None, None))
        self._last = found.change  # what it knows of the weights is of use next time
        slopes = [gradients[name] for name in found.outputs]
        followed = found.change.follow(slopes)
        if all(map(operator.is_, followed, slopes)) and found.leaves == found.outputs:
            return loss, gradients
        own = {**gradients, **dict.fromkeys(found.outputs), **dict(zip(found.leaves, followed, strict=True))}
        return loss, {name: part for name in weights if (part := own.get(name)) is not None}

    def _ask(self, change: FactorGradients | None, frozen: frozenset[str] | None) -> Asked:
        """For the gradients of the weights looked up last, but of the factors of those that are in a change."""
        asked = self._asked
        if asked is not None and asked.change is change and asked.frozen is frozen is not None:
            return asked
        wanted = [*map(REQUIRES_GRAD, self._tensors)]
        if change is not None:
            wanted = [want and name not in change.names for name, want in zip(self.names, wanted, strict=True)]
        if asked is None or asked.wanted != wanted or asked.change is not change:
            chosen = {name: self.gradients[name] for name in compress(self.names, wanted)}
            into = self.layout.addresses([chosen.get(name) for name in self.names])
            chosen |= change.gradients if change is not None else {}
            found = {name: chosen[name] for name in self._order if name in chosen}
            asked = Asked(wanted, frozen, GradientTable(found, self._order, self.library), into, change)
        self._asked = asked._replace(frozen=frozen)
        return self._asked

    def _computed(self, batch: Batch, dropout: Dropout, asked: Asked) -> tuple[float, GradientTable]:
        """Loss and gradients for the weights that were looked up last."""
        texts, keys, tape, logits = self._pass(batch, dropout)
        loss, factors = ctypes.c_double(), None if asked.change is None else asked.change.table
        status = self.library.loss_and_gradients(
            self.shape, texts, batch.labels.data_ptr(), keys, self.layout.places, self._addresses, tape.ctypes.data,
            logits.data_ptr(), asked.into, factors, loss,
        )  # fmt: skip
        if status:
            raise IndexError(OUTSIDE)
        return loss.value, asked.found

    def _pass(self, batch: Batch, dropout: Dropout) -> _Pass:
        """What a forward and a backward pass over the batch are told and given."""
        texts, keys = texts_of(batch), keys_of(self.architecture, dropout)
        tape = tapes.lend(self.library.tape_bytes(self.shape, texts, drops(keys), True))
        return _Pass(texts, keys, tape, torch.empty(1, batch.size, self.architecture.labels, dtype=self.dtype))
