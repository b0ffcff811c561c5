"""The compiled functions as Python calls them, and whether they can be used."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from ctypes import CDLL, POINTER, Structure, c_double, c_int, c_int64, c_uint64, c_void_p
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from stabbench.models.kernel import compilation

TYPES = {torch.float32: ("float", "sgemm_"), torch.float64: ("double", "dgemm_")}


class Shape(Structure):
    """`Shape` of encoder.c."""

    _fields_ = [
        *((name, c_int64) for name in (
            "layers", "hidden", "heads", "intermediate", "embedding", "labels", "activation", "shared",
            "position_offset", "vocabulary", "positions", "segments", "every",
        )),
        ("eps", c_double),
        ("gemm", c_void_p),
    ]  # fmt: skip


class Texts(Structure):
    """`Texts` of encoder.c."""

    _fields_ = [("size", c_int64), ("tokens", c_int64), ("ids", c_void_p), ("segments", c_void_p), ("first", c_void_p)]


class DropoutKeys(Structure):
    """`Dropout` of arithmetic.h."""

    _fields_ = [
        *((name, c_uint64) for name in ("seed", "stream", "step", "call")),
        ("threshold", c_int64),
        ("scale", c_double),
    ]


class Update(Structure):
    """`Update` of optimizer.c."""

    _fields_ = [
        *((name, c_double) for name in ("beta1", "beta2", "epsilon", "root", "rate", "correction", "clip")),
        ("decay_first", c_int64),
    ]


@dataclass(frozen=True)
class Library:
    """The functions for one type and the matrix product that they call."""

    functions: CDLL
    gemm: int


def library_for(tensor: Tensor) -> Library | None:
    """The library that computes with tensors like this one, or None: then torch computes."""
    if tensor.device.type != "cpu" or tensor.dtype not in TYPES or os.environ.get("STABBENCH_KERNEL") == "off":
        return None
    return _library(*TYPES[tensor.dtype])


@lru_cache(maxsize=2)
def _library(real: str, gemm: str) -> Library | None:
    functions = compilation.load(real)
    product = getattr(ctypes.CDLL(torch._C.__file__), gemm, None)
    if functions is None or product is None:
        return None
    functions.tape_bytes.restype = c_int64
    functions.tape_bytes.argtypes = [POINTER(Shape), POINTER(Texts), c_int, c_int]
    functions.forward.argtypes = [
        POINTER(Shape), POINTER(Texts), POINTER(DropoutKeys), c_void_p, c_void_p, c_void_p, c_int, c_void_p, c_void_p,
    ]  # fmt: skip
    functions.backward.argtypes = [
        POINTER(Shape), POINTER(Texts), POINTER(DropoutKeys), c_void_p, c_void_p, c_void_p, c_void_p, c_void_p,
    ]  # fmt: skip
    functions.backward.restype = None
    functions.encode.argtypes = functions.forward.argtypes
    functions.encode_backward.argtypes = functions.backward.argtypes
    functions.encode_backward.restype = None
    functions.loss_and_gradients.argtypes = [
        POINTER(Shape), POINTER(Texts), c_void_p, POINTER(DropoutKeys), *[c_void_p] * 5, POINTER(c_double),
    ]  # fmt: skip
    functions.draw_kept.argtypes = [POINTER(DropoutKeys), c_uint64, c_int64, c_void_p]
    functions.draw_kept.restype = None
    functions.square_sums.argtypes = [c_int64, c_void_p, c_void_p, c_void_p]
    functions.square_sums.restype = None
    functions.adamw.argtypes = [c_int64, *[c_void_p] * 5, POINTER(Update), c_void_p, c_void_p]
    functions.adamw.restype = None
    address = ctypes.cast(product, c_void_p).value
    return Library(functions, address) if address else None


def pointers(tensors: Iterable[Tensor | None]) -> ctypes.Array[c_void_p]:
    """Addresses of the tensors' first elements."""
    addresses = [None if tensor is None else tensor.data_ptr() for tensor in tensors]
    return (c_void_p * len(addresses))(*addresses)
