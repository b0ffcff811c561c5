"""Which matrices a strategy changes: those of pretrained linear layers whose names fit patterns."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

from stabbench.models.architecture import Architecture
from stabbench.strategies.contract import Context

Patterns = tuple[str, ...]


def chosen(ctx: Context, include: Sequence[str], exclude: Sequence[str] = ()) -> list[str]:
    """The names of the matrices of linear layers with a pretrained value that fit, in their order."""
    patterns = tuple(include), tuple(exclude)
    return [name for name in ctx.pretrained if ctx.facts[name].linear_weight and fits(name, *patterns)]


@lru_cache(maxsize=4096)
def fits(name: str, include: Patterns, exclude: Patterns = ()) -> bool:
    """Whether a name fits a pattern of the first and none of the second, `*` being any part of it."""
    return _any(name, include) and not _any(name, exclude)


def nothing_fits(architecture: Architecture, include: Sequence[str], exclude: Sequence[str] = ()) -> str | None:
    """A sentence where no matrix of a linear layer that may have a pretrained value fits, else None."""
    patterns = tuple(include), tuple(exclude)
    names = [each.name for each in architecture.tensors if each.origin != "new" and each.facts.linear_weight]
    return None if any(fits(name, *patterns) for name in names) else said_of_none(names, *patterns)


def said_of_none(names: Sequence[str], include: Sequence[str], exclude: Sequence[str] = ()) -> str:
    """What is said where none of the names fits."""
    given = f"`include`: found {' '.join(include)}" + (f" without {' '.join(exclude)} (`exclude`)" if exclude else "")
    return f"{given}, expected patterns that fit some of its pretrained linear layers, such as {', '.join(names[:3])}"


def _any(name: str, patterns: Patterns) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
