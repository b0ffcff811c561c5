"""Weights that nobody is offered: those of a run that diverged, or that hold values which are not finite numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stabbench.errors import UserError
from stabbench.files import read_json, write_json
from stabbench.records.content import RecordContent

DEAD = "dead.json"
"""In the place of weights that were not kept: `{"reason": why}`."""
_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
_BF16_EXPONENT = 0x7F80
_VALUES_AT_A_TIME = 1 << 22


class DeadWeightsError(UserError):
    """A run was asked for its weights and has none that work: there is nothing to measure on them."""


def divergence(content: RecordContent) -> str | None:
    """Why the weights of a run with this record are dead, as far as its record tells; None where it does not."""
    if content.status != "diverged" or content.result is None:
        return None
    at = content.result.diverged_at
    return "the run diverged" if at is None else f"the run diverged at update {at}"


def not_finite(tensor: str) -> str:
    """Why weights are dead of which this tensor holds a value that is not finite."""
    return f"{tensor} holds values that are not finite numbers"


def leave_reason(folder: Path, reason: str) -> None:
    """Make `folder`, which would have held the weights, say why it does not."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / DEAD, {"reason": reason})


def reason_in(folder: Path) -> str | None:
    """Why the weights of a folder are dead: what it says itself, else what its tensors show; None where they live.

    None also where there are none, and where they cannot be read, which `check_weights` tells.
    """
    try:
        if (folder / DEAD).exists():
            return str(read_json(folder / DEAD)["reason"])
        tensor = _first_not_finite(folder / "model.safetensors")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None if tensor is None else not_finite(tensor)


def _first_not_finite(path: Path) -> str | None:
    """The first tensor of a safetensors file (header's length, header, values) that is not finite throughout."""
    with path.open("rb") as file:
        start = 8 + int.from_bytes(file.read(8), "little")
        if start > path.stat().st_size:
            raise ValueError("the header is longer than the file")
        header = json.loads(file.read(start - 8))
    for name, place in sorted(header.items()):
        if place.get("dtype") in _TYPES and not _is_finite(path, place, start):
            return str(name)
    return None


def _is_finite(path: Path, place: Mapping[str, Any], start: int) -> bool:
    import numpy as np  # here, as records are selected without it

    size = math.prod(place["shape"])
    if not size:
        return True
    kind, offset = _TYPES[place["dtype"]], start + int(place["data_offsets"][0])
    values = np.memmap(path, dtype=kind, mode="r", offset=offset, shape=(size,))
    for first in range(0, size, _VALUES_AT_A_TIME):
        some = values[first : first + _VALUES_AT_A_TIME]
        wrong = (some & _BF16_EXPONENT) == _BF16_EXPONENT if place["dtype"] == "BF16" else ~np.isfinite(some)
        if bool(wrong.any()):
            return False
    return True
