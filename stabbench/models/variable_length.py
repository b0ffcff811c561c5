"""Attention over examples of different lengths without padding, by torch's flash kernel where there is one.

The kernel has no dropout masks of ours and takes half precision on CUDA only, so it serves evaluation and strategies
that train without dropout; everything else goes bucket by bucket.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from stabbench.models.batch import Spans


@cache
def _kernel() -> Callable[..., Any] | None:
    """`torch.nn.attention.varlen.varlen_attn`, which torch has from 2.10 on."""
    try:
        return getattr(import_module("torch.nn.attention.varlen"), "varlen_attn", None)
    except ImportError:
        return None


def usable(device: torch.device, dtype: torch.dtype | None, size: int) -> bool:
    """Whether the kernel takes such tensors: bfloat16 on an Ampere GPU or later, heads of a multiple of 8 up to 256."""
    fits = device.type == "cuda" and dtype == torch.bfloat16 and size % 8 == 0 and size <= 256
    return fits and _kernel() is not None and torch.cuda.get_device_capability(device) >= (8, 0)


def attend(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    spans: Spans,
    heads: int,
    first_only: bool,
) -> Tensor:
    """Softmax attention of each example over its own tokens: `(S, T, H)`, or `(S, B, H)` for the first tokens alone.

    A run's rows after its last example are an example of their own, which nobody reads.
    """
    flat = [tensor.reshape(-1, heads, tensor.shape[-1] // heads) for tensor in (queries, keys, values)]
    ends, most = (spans.first_ends, 1) if first_only else (spans.ends, spans.longest)
    found: Tensor = _kernel()(*flat, ends, spans.ends, most, spans.longest)  # type: ignore[misc]
    return found.view_as(queries)
