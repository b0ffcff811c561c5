"""Which row of a table of relative positions two places of a text have, and scores by distance laid out by place."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor


def by_halves(distances: Tensor, buckets: int, farthest: int = 128) -> Tensor:
    """MPNet's bucket of each distance of a key from its query: half of them on either side.

    Of each half the first half are one distance each, the others grow with the logarithm up to `farthest`. Computed in
    fp32, as transformers does.
    """
    half = buckets // 2
    exact = half // 2
    near = distances.abs()
    growth = torch.log(near.float() / exact) / math.log(farthest / exact) * (half - exact)
    far = (exact + growth.clamp(min=0).long()).clamp(max=half - 1)
    return torch.where(near < exact, near, far) + (distances > 0) * half


def by_logarithm(distances: Tensor, buckets: int, farthest: int) -> Tensor:
    """DeBERTa's bucket of each distance, with its sign: itself up to half of `buckets`, then by the logarithm.

    Computed in fp32, as transformers does.
    """
    middle = buckets // 2
    near = distances.abs()
    ratio = near.clamp(min=middle).float() / middle
    growth = torch.log(ratio) / torch.log(torch.tensor((farthest - 1) / middle, dtype=torch.float)) * (middle - 1)
    return torch.where(near <= middle, distances, ((torch.ceil(growth) + middle) * distances.sign()).long())


class Reach(NamedTuple):
    """What texts of up to so many tokens reach of a table of relative positions.

    `rows` `(R,)` of the table, in the order 0, 1, −1, 2, −2, … of the distances that reach them first, so that those
    of shorter texts come first; `places` `(2 · length + 1,)` among them of the distances −length … length.
    """

    rows: Tensor
    places: Tensor


@lru_cache(maxsize=64)
def reach(length: int, buckets: int, farthest: int, device: torch.device) -> Reach:
    """DeBERTa's: with `buckets` 0 each distance has a row, up to `farthest`."""
    distances = torch.arange(-length, length + 1)
    span = buckets or farthest
    signed = by_logarithm(distances, buckets, farthest) if buckets else distances
    row = (signed + span).clamp(0, 2 * span - 1).tolist()
    by_distance = chain([0], *((distance, -distance) for distance in range(1, length + 1)))
    found: dict[int, int] = {}
    for distance in by_distance:
        found.setdefault(row[length + distance], len(found))
    return Reach(torch.tensor(list(found), device=device), torch.tensor([found[r] for r in row], device=device))


def shifted(values: Tensor) -> Tensor:
    """From `(…, L, 2L)` to `(…, L, L)`: what row i has in column L − 1 + j − i is at i, j. A view."""
    found: Tensor = _Shifted.apply(values)  # type: ignore[no-untyped-call]
    return found


class _Shifted(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ctx.shape, ctx.stride = values.shape, values.stride()
        return _window(values)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        found = torch.empty_strided(ctx.shape, ctx.stride, dtype=slope.dtype, device=slope.device).zero_()
        _window(found).copy_(slope)
        return found


def _window(values: Tensor) -> Tensor:
    *rest, length, width = values.shape
    *steps, row, column = values.stride()
    if width != 2 * length or column != 1:
        raise ValueError(f"found shape {tuple(values.shape)}, expected twice as many columns as rows, side by side")
    start = values.storage_offset() + length - 1
    return values.as_strided((*rest, length, length), (*steps, row - 1, 1), start)
