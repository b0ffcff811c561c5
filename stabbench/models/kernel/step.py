"""Loss and gradients of a plain update in one call of the compiled kernel, without autograd."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping

import torch
from torch import Tensor

from stabbench.models.architecture import Architecture
from stabbench.models.batch import Batch
from stabbench.models.dropout import Dropout
from stabbench.models.kernel.function import (
    MOST_LAYERS,
    drops,
    empty_like,
    keys_of,
    layout_of,
    shape_of,
    tapes,
    texts_of,
)
from stabbench.models.kernel.optimizer import GradientTable, common_library, sizes

OBJECTIVES = ("classification",)
"""Those whose loss the kernel has, by name."""


class PlainStep:
    """The mean loss of one run and its gradients, for weights that stay where they are in memory."""

    def __init__(self, architecture: Architecture, library: ctypes.CDLL, weights: Mapping[str, Tensor]) -> None:
        layout = layout_of(architecture)
        tensors = [weights[name].detach() for name in layout.names]
        gradients = empty_like(tensors)
        word_table = tensors[layout.table[0]]
        self.library, self.architecture, self.places = library, architecture, layout.places
        self.shape = shape_of(architecture, word_table.shape[1], word_table.dtype)
        self._tensors = tensors
        self._weights, self._gradients = layout.addresses(tensors), layout.addresses(gradients)
        found = dict(zip(layout.names, gradients, strict=True))
        self.gradients = GradientTable({name: found[name] for name in weights})
        self._sizes = sizes(list(self.gradients.values()))

    @classmethod
    def of(cls, architecture: Architecture, weights: Mapping[str, Tensor], objective: str) -> PlainStep | None:
        """None where the kernel cannot: another loss, several runs, no library, tensors beside the model's."""
        if objective not in OBJECTIVES:
            return None
        library = common_library(list(weights.values()))
        if library is None or architecture.layers > MOST_LAYERS or set(weights) != set(layout_of(architecture).names):
            return None
        single = all(tensor.shape[0] == 1 for tensor in weights.values())
        return cls(architecture, library, weights) if single else None

    def __call__(self, batch: Batch, dropout: Dropout) -> tuple[float, list[float]]:
        """The loss and each gradient's sum of squares; the gradients are in `gradients` until the next call."""
        texts, keys, loss = texts_of(batch), keys_of(self.architecture, dropout), ctypes.c_double()
        tape = tapes.lend(self.library.tape_bytes(self.shape, texts, drops(keys), True))
        logits = torch.empty(batch.size, self.architecture.labels, dtype=self._tensors[0].dtype)
        status = self.library.loss_and_gradients(
            self.shape, texts, batch.labels.data_ptr(), keys, self.places, self._weights, tape.ctypes.data,
            logits.data_ptr(), self._gradients, loss,
        )  # fmt: skip
        if status:
            raise IndexError("a token, position or segment id lies outside its embedding table")
        sums = (ctypes.c_double * len(self._sizes))()
        self.library.square_sums(len(self._sizes), self.gradients.addresses, self._sizes, sums)
        return loss.value, list(sums)
