"""Whether a folder's tensors are those of the encoder that its config.json describes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from stabbench.errors import UserError
from stabbench.models.architecture import Architecture

Size = tuple[int, ...]
SHOWN = 3


def encoder_names(folder: Path, architecture: Architecture, found: Mapping[str, Size]) -> dict[str, str]:
    """Under which name the folder has each of the encoder's tensors, of those that `found` tells it to have.

    What is new for every run is left out, and a pooler that is not there. Raises UserError where another tensor is
    missing or has another shape.
    """
    modern = {_modern_name(name): name for name in found}
    names: dict[str, str] = {}
    missing, misshapen = [], []
    for name, shape in architecture.shapes().items():
        if architecture.is_new(name):
            continue
        present = modern.get(name, modern.get(name.removeprefix(f"{architecture.prefix}.")))
        if present is None:
            if not architecture.may_lack(name):
                missing.append(name)
        elif found[present] != shape:
            misshapen.append((name, found[present], shape))
        else:
            names[name] = present
    check_fit(folder, architecture, missing, misshapen)
    return names


def check_fit(
    folder: Path, architecture: Architecture, missing: Iterable[str], misshapen: Iterable[tuple[str, Size, Size]]
) -> None:
    """UserError that names missing tensors and those of other shapes than config.json says, if any."""
    missing, shapes = list(missing), [(name, tuple(found), tuple(wanted)) for name, found, wanted in misshapen]
    problems = []
    if shapes:
        told = [f"tensor {name} has shape {found}, config.json says {wanted}" for name, found, wanted in shapes]
        problems.append(_first(told, "; "))
    if missing:
        problems.append(f"no tensor {_first(missing, ', ')}: it is not a {architecture.name} encoder in full")
    if problems:
        raise UserError(f"{folder}: " + "; ".join(problems))


def _first(entries: list[str], separator: str) -> str:
    more = f" and {len(entries) - SHOWN} more" if len(entries) > SHOWN else ""
    return separator.join(entries[:SHOWN]) + more


def _modern_name(name: str) -> str:
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
