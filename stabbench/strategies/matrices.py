"""Which matrices a strategy changes: those of pretrained linear layers whose names fit patterns."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

from stabbench.models.architecture import Architecture

Patterns = tuple[str, ...]


@lru_cache(maxsize=4096)
def fits(name: str, include: Patterns, exclude: Patterns = ()) -> bool:
    """Whether a name fits a pattern of the first and none of the second, `*` being any part of it."""
    return _any(name, include) and not _any(name, exclude)


def nothing_fits(architecture: Architecture, include: Patterns, exclude: Patterns = ()) -> str | None:
    """A sentence where no matrix of a linear layer that may have a pretrained value is chosen, else None."""
    names = [each.name for each in architecture.tensors if each.origin != "new" and each.facts.linear_weight]
    return None if any(fits(name, include, exclude) for name in names) else said_of_none(names, include, exclude)


def said_of_none(names: Sequence[str], include: Patterns, exclude: Patterns = ()) -> str:
    """What is said where none of the names is chosen."""
    given = f"`include`: found {' '.join(include)}" + (f" without {' '.join(exclude)} (`exclude`)" if exclude else "")
    return f"{given}, expected patterns that fit some of its pretrained linear layers, such as {', '.join(names[:3])}"


def _any(name: str, patterns: Patterns) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
