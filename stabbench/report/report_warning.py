"""A warning of the report, as every module that finds some makes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stabbench.analysis.place import Place

EXAMPLES = 3
"""Cells that a sentence names; the others are in the file."""


@dataclass(frozen=True)
class ReportWarning:
    """One thing to know, and what it is about."""

    kind: str
    sentence: str
    about: Sequence[tuple[Place, str]] = ()
    """(place, what): a row each of tables/warnings.csv, no strategy where it is all of a task."""
