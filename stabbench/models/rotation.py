"""Rotary positions: pairs of a head's values turned by an angle that grows with the token's place."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

STEP = 128
"""Tables are made for multiples of so many places."""


class Rotations(NamedTuple):
    """Cosine and sine of every place's angles, both `(places, size / 2)`."""

    cosine: Tensor
    sine: Tensor


def rotations(theta: float, size: int, places: int, like: Tensor) -> Rotations:
    """For heads of `size` values and texts of up to `places` tokens; on the device and in the type of `like`.

    Angles are computed in fp32 in every precision, as transformers does.
    """
    return _table(theta, size, -(-places // STEP) * STEP, like.device, like.dtype)


@lru_cache(maxsize=16)
def _table(theta: float, size: int, places: int, device: torch.device, dtype: torch.dtype) -> Rotations:
    frequencies = 1.0 / (theta ** (torch.arange(0, size, 2, dtype=torch.float) / size))
    angles = torch.arange(places, dtype=torch.float).unsqueeze(1) * frequencies
    return Rotations(angles.cos().to(device, dtype), angles.sin().to(device, dtype))


def rotate(values: Tensor, positions: Tensor, table: Rotations) -> Tensor:
    """Heads side by side `(S, T, heads · size)`, each turned by the angles of its token's place `(S, T)`.

    The first half of a head's values is paired with the second.
    """
    half = table.cosine.shape[1]
    cosine, sine = (part[positions].unsqueeze(2) for part in table)
    first, second = values.reshape(*positions.shape, -1, 2, half).to(cosine.dtype).unbind(3)
    turned = torch.stack((first * cosine - second * sine, second * cosine + first * sine), dim=3)
    return turned.view(values.shape).to(values.dtype)
