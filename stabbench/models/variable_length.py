"""Attention over examples of different lengths without padding, by torch's flash kernel where there is one.

The kernel has no dropout masks of ours and takes half precision on CUDA only, so it serves evaluation and strategies
that train without dropout; everything else goes bucket by bucket.
"""

from __future__ import annotations

import torch
from torch import Tensor

from stabbench.models.batch import Spans


def usable(device: torch.device, dtype: torch.dtype | None, size: int) -> bool:
    """Whether the kernel takes such tensors: bfloat16 on an Ampere GPU or later, heads of a multiple of 8 up to 256."""
    fits = device.type == "cuda" and dtype == torch.bfloat16 and size % 8 == 0 and size <= 256
    return fits and torch.cuda.get_device_capability(device) >= (8, 0)


def attend(queries: Tensor, keys: Tensor, values: Tensor, spans: Spans, heads: int, first_only: bool) -> Tensor:
    """Softmax attention of each example over its own tokens: `(S, T, H)`, or `(S, B, H)` for the first tokens alone.

    A run's rows after its last example are an example of their own, which nobody reads.
    """
    from torch.nn.attention import varlen

    flat = [tensor.reshape(-1, heads, tensor.shape[-1] // heads) for tensor in (queries, keys, values)]
    ends, most = (spans.first_ends, 1) if first_only else (spans.ends, spans.longest)
    found = varlen.varlen_attn(flat[0], flat[1], flat[2], ends, spans.ends, most, spans.longest)
    assert isinstance(found, Tensor)
    return found.view_as(queries)
