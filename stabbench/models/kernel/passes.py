"""Passes over many tensors of a run that strategies make, each in one call of the compiled kernel.

Each function changes its first tensors in place and says whether it has: it cannot where there is no kernel for them,
and for several runs with one target. Then the strategy computes the same by torch, to rounding.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from stabbench.models.kernel.library import DropoutKeys, pointers
from stabbench.models.kernel.optimizer import common_library, sizes
from stabbench.randomness import Draws, dropout_threshold, place_number


def move_towards(tensors: Sequence[Tensor], targets: Sequence[Tensor], share: float) -> bool:
    """W + share·(target − w), for each tensor its target of the same shape."""
    library = _library(tensors, targets)
    if library is None or not _same_sizes(tensors, targets):
        return False
    library.move_towards(len(tensors), pointers(tensors), pointers(targets), sizes(tensors), share)
    return _changed(tensors)


def move_and_owe(
    tensors: Sequence[Tensor], targets: Sequence[Tensor | None], owed: Sequence[Tensor], shares: Sequence[float]
) -> bool:
    """The same by shares of their own, towards 0 where there is no target; what rounding keeps of it is `owed`."""
    library = _library(tensors, [target for target in targets if target is not None], owed)
    if library is None or not _same_sizes(tensors, targets):
        return False
    library.move_and_owe(
        len(tensors), pointers(tensors), pointers(targets), pointers(owed), sizes(tensors), _doubles(shares)
    )
    return _changed([*tensors, *owed])


def thin(tensors: Sequence[Tensor], draws: Draws, places: Sequence[str], step: int, probability: float) -> bool:
    """Times Bernoulli(p)/p, drawn entry by entry at each tensor's place; see `Context.scaled_bernoulli`."""
    library = common_library(tensors)
    if library is None or any(tensor.shape[0] != 1 for tensor in tensors):
        return False
    threshold, scale = dropout_threshold(1 - probability)
    keys = DropoutKeys(draws.seed, place_number(draws.stream), step, 0, threshold, scale)
    numbers = _numbers(tuple(places))
    library.thin(len(tensors), pointers(tensors), sizes(tensors), numbers, keys)
    return _changed(tensors)


def mask(tensors: Sequence[Tensor], kept: Sequence[Tensor]) -> bool:
    """Times a mask of bools of the same shape."""
    library = common_library(tensors)
    if library is None or not all(one.dtype == torch.bool and one.is_contiguous() for one in kept):
        return False
    library.mask(len(tensors), pointers(tensors), pointers(kept), sizes(tensors))
    return _changed(tensors)


def pull(
    slopes: Sequence[Tensor | None],
    tensors: Sequence[Tensor],
    targets: Sequence[Tensor | None],
    factors: Sequence[float],
) -> float | None:
    """Slopes grow by factor·(w − target), the target 0 where None; the sum of factor/2·(w − target)², or None."""
    given = [one for one in (*slopes, *targets) if one is not None]
    library = _library(tensors, given)
    if library is None or not _same_sizes(tensors, targets) or any(tensor.shape[0] != 1 for tensor in tensors):
        return None
    found: float = library.pull(
        len(tensors), pointers(slopes), pointers(tensors), pointers(targets), sizes(tensors), _doubles(factors)
    )
    _changed([slope for slope in slopes if slope is not None])
    return found


@lru_cache(maxsize=16)
def _numbers(places: tuple[str, ...]) -> ctypes.Array[ctypes.c_uint64]:
    return (ctypes.c_uint64 * len(places))(*map(place_number, places))


def _library(tensors: Sequence[Tensor], *others: Sequence[Tensor]) -> ctypes.CDLL | None:
    """The library for all of these."""
    return common_library([*tensors, *(tensor for some in others for tensor in some)])


def _same_sizes(tensors: Sequence[Tensor], others: Sequence[Tensor | None]) -> bool:
    """False where a target is shared by several runs."""
    return all(other is None or other.numel() == tensor.numel() for tensor, other in zip(tensors, others, strict=True))


def _doubles(values: Sequence[float]) -> ctypes.Array[ctypes.c_double]:
    return (ctypes.c_double * len(values))(*values)


def _changed(tensors: Sequence[Tensor]) -> bool:
    torch.autograd.graph.increment_version(tensors)
    return True
