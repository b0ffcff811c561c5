"""The classifier's logits, or the encoder's states, from the compiled kernel, as functions that autograd knows."""

from __future__ import annotations

import contextlib
import ctypes
import weakref
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stabbench.models.architecture import Architecture
from stabbench.models.batch import Batch, RaggedBatch
from stabbench.models.dropout import DeviceDropout, Dropout, by_place
from stabbench.models.kernel import modern
from stabbench.models.kernel.library import DropoutKeys, Shape, Texts, library_for, pointers
from stabbench.models.modernbert_config import details_of
from stabbench.randomness import place_number

ACTIVATIONS = {"gelu": 0, "gelu_new": 1, "gelu_pytorch_tanh": 1, "relu": 2, "silu": 3, "tanh": 4}
PARTS = ("query", "key", "value", "attention_output", "attention_norm", "intermediate", "output", "output_norm")
MOST_LAYERS = 128
Bytes = npt.NDArray[np.uint8]
ALIGNMENT = 64
KEPT = 4
OUTSIDE = "a token, position or segment id lies outside its embedding table"


class Blocks:
    """Lends memory; a block comes back when the array that lends it, and every tensor made of it, is gone."""

    def __init__(self) -> None:
        self._free: list[Bytes] = []

    def lend(self, size: int) -> Bytes:
        """`size` bytes, uninitialised, that begin at a multiple of 64."""
        block = self._fitting(size + ALIGNMENT)
        start = -block.ctypes.data % ALIGNMENT
        lent = block[start : start + size]
        weakref.finalize(lent, self._take_back, block).atexit = False
        return lent

    def _fitting(self, size: int) -> Bytes:
        with contextlib.suppress(IndexError):
            while True:
                block = self._free.pop()
                if block.nbytes >= size:
                    return block
        return np.empty(size + size // 4, dtype=np.uint8)

    def _take_back(self, block: Bytes) -> None:
        if len(self._free) < KEPT:
            self._free.append(block)


tapes, gradient_blocks = Blocks(), Blocks()


def compute(
    architecture: Architecture,
    products: torch.dtype | None,
    weights: Mapping[str, Tensor],
    batch: RaggedBatch,
    dropout: Dropout | DeviceDropout | None,
    embeddings: Tensor | None,
    *,
    every: bool,
) -> Tensor | None:
    """Logits `(1, B, labels)` as `Encoder.classify` gives them; None where the kernel cannot compute them.

    With `every`, the last layer's output for every token instead, `(1, T, H)`.
    """
    if not isinstance(batch, Batch) or isinstance(dropout, DeviceDropout):
        return None
    if batch.runs != 1 or architecture.layers > MOST_LAYERS:
        return None
    names = layout_of(architecture, every).names
    tensors = [weights[name] for name in names]
    library = library_for(tensors[0], products)
    if library is None or any(tensor.dtype != tensors[0].dtype for tensor in tensors):
        return None
    call = _Call(architecture, library, batch, dropout, every)
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (*tensors, embeddings) if tensor is not None):
        found: Tensor = _Differentiable.apply(call, embeddings, *tensors)  # type: ignore[no-untyped-call]
        return found
    return call.forward([tensor.contiguous() for tensor in tensors], embeddings, keep=False)


class Layout:
    """Names of the tensors, and which of them stands at each place of the kernel's table (none: −1).

    With `every`, it is that of the encoder alone.
    """

    def __init__(self, architecture: Architecture, every: bool = False) -> None:
        order, places, head = _order(architecture)
        self.names = tuple(name for name in architecture.shapes() if not (every and name.startswith(head)))
        place = {name: number for number, name in enumerate(self.names)}
        self.table = [place.get(name, -1) for name in order]
        self.places = (ctypes.c_uint64 * len(places))(*(place_number(name) for name in places))

    def addresses(self, tensors: Sequence[Tensor | None]) -> ctypes.Array[ctypes.c_void_p]:
        """The kernel's table for tensors in the order of `names`."""
        return pointers(None if number < 0 else tensors[number] for number in self.table)


def _order(architecture: Architecture) -> tuple[list[str], list[str], tuple[str, ...]]:
    """Tensors and places of dropout in the kernel's order, and with what the names outside the encoder begin."""
    if modern.is_modern(architecture):
        return modern.order_of(architecture), modern.places_of(architecture), modern.HEAD
    embeddings = f"{architecture.prefix}.embeddings"
    order = [f"{embeddings}.{name}_embeddings.weight" for name in ("word", "position", "token_type")]
    modules = [f"{embeddings}.LayerNorm", architecture.mapping]
    places = ["embeddings", "pooler", "classifier"]
    for index in range(architecture.layers):
        layer = architecture.layer(index)
        modules += [layer[part] for part in PARTS]
        places += [f"layer.{index}.{part}" for part in ("attention.probabilities", "attention.output", "output")]
    head = (architecture.pooler, architecture.classifier)
    order += [f"{module}.{leaf}" for module in (*modules, *head) for leaf in ("weight", "bias")]
    return order, places, tuple(f"{module}." for module in head)


layout_of = lru_cache(maxsize=16)(Layout)
"""The layout of an architecture, made once."""


def shape_of(architecture: Architecture, vocabulary: int, dtype: torch.dtype, *, every: bool = False) -> Shape:
    """The architecture as the C functions take it; the word table has `vocabulary` rows, tensors are of type `dtype`.

    With `every`, the last layer is wanted for every token, else for as many as the head sees.
    """
    found = Shape(
        architecture.layers, architecture.hidden_size, architecture.heads, architecture.intermediate_size,
        architecture.embedding_size, architecture.labels, ACTIVATIONS[architecture.activation],
        architecture.shares_layers, architecture.position_offset, bool(architecture.mapping),
        ACTIVATIONS[architecture.head_activation], architecture.dropout_places.attention_output,
        architecture.dropout_places.head_input, vocabulary, architecture.positions, architecture.segments, every,
        architecture.layer_norm_eps,
    )  # fmt: skip
    if modern.is_modern(architecture):
        details = details_of(architecture)
        found.more = modern.modern_of(architecture, ACTIVATIONS[details.head_activation], dtype)
        found.modern, found.every = ctypes.addressof(found.more), every or details.pooling == "mean"
    return found


def texts_of(batch: Batch) -> Texts:
    """The batch as the C functions take it; it must outlive the result."""
    given = (batch.ids, batch.segments, batch.positions, batch.first)
    return Texts(batch.size, batch.tokens[0], *(tensor.data_ptr() for tensor in given))


def keys_of(architecture: Architecture, dropout: Dropout | None) -> ctypes.Array[DropoutKeys]:
    """What the masks are keyed by, for each kind of place; threshold 0 where nothing is dropped."""
    if dropout is None:
        kinds: Sequence[Any] = [None] * modern.KINDS
    elif modern.is_modern(architecture):
        kinds = [dropout.asked(probability) for probability in details_of(architecture).dropouts]
    else:
        kinds = by_place(dropout, architecture.dropout_places)[:3]
    return (DropoutKeys * len(kinds))(*map(_keys_of, kinds))


def _keys_of(dropout: Dropout | None) -> DropoutKeys:
    if dropout is None or not dropout.threshold:
        return DropoutKeys(scale=1.0)
    draws = dropout.draws[0]
    return DropoutKeys(
        draws.seed, place_number(draws.stream), dropout.step, dropout.call, dropout.threshold, dropout.scale
    )


def drops(keys: ctypes.Array[DropoutKeys]) -> bool:
    """Whether anything is dropped anywhere."""
    return any(kind.threshold for kind in keys)


class _Call:
    """One forward pass and its backward passes: what the C functions are told."""

    def __init__(
        self, architecture: Architecture, library: ctypes.CDLL, batch: Batch, dropout: Dropout | None, every: bool
    ) -> None:
        self.layout, self.every = layout_of(architecture, every), every
        self.architecture, self.library, self.batch = architecture, library, batch
        self.texts, self.keys = texts_of(batch), keys_of(architecture, dropout)
        self.tape: Bytes | None = None

    def forward(self, tensors: list[Tensor], embeddings: Tensor | None, *, keep: bool) -> Tensor:
        """Logits or states; with `keep` the tape is kept for `backward`."""
        architecture, batch = self.architecture, self.batch
        self.shape = shape_of(architecture, tensors[0].shape[1], tensors[0].dtype, every=self.every)
        tape = tapes.lend(self.library.tape_bytes(self.shape, self.texts, drops(self.keys), keep))
        size = (batch.tokens[0], architecture.hidden_size) if self.every else (batch.size, architecture.labels)
        found = torch.empty(1, *size, dtype=tensors[0].dtype)
        given = None if embeddings is None else embeddings.contiguous()
        function = self.library.encode if self.every else self.library.forward
        status = function(
            self.shape, self.texts, self.keys, self.layout.places, self.layout.addresses(tensors),
            None if given is None else given.data_ptr(), keep, tape.ctypes.data, found.data_ptr(),
        )  # fmt: skip
        if status:
            raise IndexError(OUTSIDE)
        if keep:
            self.tape = tape
        return found

    def backward(
        self, tensors: list[Tensor], slope: Tensor, wanted: list[bool], with_embeddings: bool
    ) -> list[Tensor | None]:
        """Gradients of the embeddings (first) and of each tensor for which `wanted` holds."""
        assert self.tape is not None
        gradients = [tensor if want else None for tensor, want in zip(empty_like(tensors), wanted, strict=True)]
        width = self.architecture.embedding_size
        inner = torch.empty(1, self.batch.tokens[0], width, dtype=tensors[0].dtype) if with_embeddings else None
        (self.library.encode_backward if self.every else self.library.backward)(
            self.shape, self.texts, self.keys, self.layout.addresses(tensors), self.tape.ctypes.data,
            slope.contiguous().data_ptr(), self.layout.addresses(gradients),
            None if inner is None else inner.data_ptr(),
        )  # fmt: skip
        if inner is not None:
            gradients[self.layout.table[0]] = None
        return [inner, *gradients]


def empty_like(tensors: Sequence[Tensor], blocks: Blocks = gradient_blocks) -> list[Tensor]:
    """Uninitialised tensors of the same shapes in one block, each beginning at a multiple of 64 bytes."""
    first, dtype = tensors[0], tensors[0].dtype
    if first.numel() % 16 == 0 and first.is_contiguous() and all(tensor.shape == first.shape for tensor in tensors):
        block = blocks.lend(len(tensors) * first.numel() * dtype.itemsize)
        return list(torch.from_numpy(block).view(dtype).view(len(tensors), *first.shape).unbind())
    ends = np.cumsum([-(-tensor.numel() // 16) * 16 for tensor in tensors]).tolist()
    block = blocks.lend(ends[-1] * dtype.itemsize)
    flat = torch.from_numpy(block).view(dtype)
    starts = [0, *ends[:-1]]
    return [
        flat.as_strided(tensor.shape, tensor.stride(), start) for tensor, start in zip(tensors, starts, strict=True)
    ]


class _Differentiable(torch.autograd.Function):
    """Logits or states with their gradients with respect to every weight and, where given, the embeddings."""

    @staticmethod
    def forward(ctx: Any, call: _Call, embeddings: Tensor | None, *tensors: Tensor) -> Tensor:
        contiguous = [tensor.contiguous() for tensor in tensors]
        ctx.call, ctx.with_embeddings = call, embeddings is not None
        ctx.save_for_backward(*contiguous)
        return call.forward(contiguous, embeddings, keep=True)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        with_embeddings = ctx.with_embeddings and ctx.needs_input_grad[1]
        wanted = list(ctx.needs_input_grad[2:])
        if ctx.with_embeddings:
            wanted[ctx.call.layout.table[0]] = False
        return (None, *ctx.call.backward(list(ctx.saved_tensors), slope, wanted, with_embeddings))
