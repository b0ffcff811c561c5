"""The compiled library as Python calls it, and whether there is one."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from ctypes import CDLL, POINTER, Structure, c_double, c_int, c_int64, c_uint64, c_void_p
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from stabbench.models.kernel import compilation

KINDS = {
    (torch.float32, None): "float",
    (torch.float64, None): "double",
    (torch.float32, torch.bfloat16): "bfloat16",
}
"""Libraries by the type of the weights and, where it is another, that of the layers' products."""


class Shape(Structure):
    """`Shape` of encoder.c."""

    _fields_ = [
        *((name, c_int64) for name in (
            "layers", "hidden", "heads", "intermediate", "embedding", "labels", "activation", "shared",
            "position_offset", "mapped", "head_activation", "drops_attended", "drops_head_input", "vocabulary",
            "positions", "segments", "every",
        )),
        ("eps", c_double),
        ("modern", c_void_p),
    ]  # fmt: skip


class Texts(Structure):
    """`Texts` of encoder.c."""

    _fields_ = [
        ("size", c_int64),
        ("tokens", c_int64),
        *((name, c_void_p) for name in ("ids", "segments", "positions", "first")),
    ]


class DropoutKeys(Structure):
    """`Dropout` of arithmetic.h."""

    _fields_ = [
        *((name, c_uint64) for name in ("seed", "stream", "step", "call")),
        ("threshold", c_int64),
        ("scale", c_double),
    ]


class Factors(Structure):
    """`Factors` of factors.h."""

    _fields_ = [
        *((name, c_void_p) for name in ("up", "down", "d_up", "d_down")),
        ("rank", c_int64),
        ("scale", c_double),
    ]


class Update(Structure):
    """`Update` of optimizer.c."""

    _fields_ = [
        *((name, c_double) for name in ("beta1", "beta2", "epsilon", "root", "rate", "correction", "clip")),
        ("decay_first", c_int64),
    ]


def library_for(tensor: Tensor, products: torch.dtype | None = None) -> CDLL | None:
    """The library that computes with tensors like this one, or None: then torch computes.

    With `products`, the layers' factors are rounded to that type, for which the CPU needs instructions.
    """
    if tensor.device.type != "cpu" or os.environ.get("STABBENCH_KERNEL") == "off":
        return None
    kind = KINDS.get((tensor.dtype, products))
    return None if kind is None else library(kind)


@lru_cache(maxsize=len(compilation.KINDS))
def library(kind: str) -> CDLL | None:
    """That one of `compilation.KINDS`; None where there is none that this process may use."""
    found = compilation.load(kind)
    if found is None or not found.allowed():
        return None
    library = bound(found)
    return library if kind != "bfloat16" or multiplies(library) else None


def multiplies(library: CDLL) -> bool:
    """Whether products in bf16 are right: instructions that few CPUs have are not believed unseen."""
    left, right = (torch.linspace(-1, 1, rows * 70).view(rows, 70) for rows in (35, 50))
    found = torch.empty(35, 50)
    multiply(library, left, right.t(), found)
    expected = left.bfloat16().double() @ right.bfloat16().double().t()
    return bool(torch.allclose(found.double(), expected, rtol=0, atol=1e-4))


def bound(library: CDLL) -> CDLL:
    """The library, whose functions know their arguments."""
    shape, texts, keys = POINTER(Shape), POINTER(Texts), POINTER(DropoutKeys)
    forward = (c_int, [shape, texts, keys, *[c_void_p] * 3, c_int, *[c_void_p] * 2])
    backward = (None, [shape, texts, keys, *[c_void_p] * 5])
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "tape_bytes": (c_int64, [shape, texts, c_int, c_int]),
        "forward": forward,
        "backward": backward,
        "encode": forward,
        "encode_backward": backward,
        "loss_and_gradients": (c_int, [shape, texts, c_void_p, keys, *[c_void_p] * 6, POINTER(c_double)]),
        "multiply": (None, [c_int, c_int, *[c_int64] * 3, *[c_void_p, c_int64] * 2, c_int, c_void_p]),
        "draw_kept": (None, [keys, c_uint64, c_int64, c_void_p]),
        "kept_columns": (None, [c_int64, c_void_p, keys, *[c_void_p] * 2, c_double, c_double]),
        "add_low_rank": (None, [c_int64, *[c_void_p] * 4, c_int64, *[c_void_p] * 2, c_double]),
        "low_rank_slopes": (None, [c_int64, *[c_void_p] * 5, c_int64, *[c_void_p] * 2, c_double]),
        "give_lengths": (None, [c_int64, *[c_void_p] * 6]),
        "length_slopes": (None, [c_int64, *[c_void_p] * 7]),
        "scale_columns": (None, [c_int64, *[c_void_p] * 6]),
        "move_towards": (None, [c_int64, *[c_void_p] * 3, c_double]),
        "move_and_owe": (None, [c_int64, *[c_void_p] * 5]),
        "thin": (None, [c_int64, *[c_void_p] * 3, keys]),
        "mask": (None, [c_int64, *[c_void_p] * 3]),
        "pull": (c_double, [c_int64, *[c_void_p] * 5]),
        "square_sums": (None, [c_int64, *[c_void_p] * 3]),
        "adamw": (None, [c_int64, *[c_void_p] * 5, POINTER(Update), *[c_void_p] * 2]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def multiply(library: CDLL, left: Tensor, right: Tensor, out: Tensor, *, more: bool = False) -> None:
    """`out` (m, n) becomes `left` (m, k) times `right` (k, n), or grows by it where `more`.

    Each factor is row-major or the transpose of a row-major matrix, `out` is contiguous; nothing is checked.
    """
    strides = [
        (False, factor.stride(0)) if factor.stride(1) == 1 else (True, factor.stride(1)) for factor in (left, right)
    ]
    (transposed, row), (other_transposed, other_row) = strides
    library.multiply(
        transposed, other_transposed, left.shape[0], right.shape[1], left.shape[1], left.data_ptr(), row,
        right.data_ptr(), other_row, more, out.data_ptr(),
    )  # fmt: skip


def pointers(tensors: Iterable[Tensor | None]) -> ctypes.Array[c_void_p]:
    """Addresses of the tensors' first elements."""
    addresses = [None if tensor is None else tensor.data_ptr() for tensor in tensors]
    return (c_void_p * len(addresses))(*addresses)
