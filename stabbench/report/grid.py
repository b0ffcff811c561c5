"""Tables of text for the page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from stabbench.analysis.place import Place
from stabbench.report.numbers import plain


@dataclass(frozen=True)
class Grid:
    """A table of text: a head and rows."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: bool = False
    """Whether its cells hold text, which is set to the left and may wrap, rather than numbers."""
    texts: int = 1
    """How many of its leading columns hold names."""
    hashed: int = -1
    """The column of long hashes, where there is one."""
    sortable: bool = True
    """Whether its rows are alike, so that a column can order them."""
    places: Sequence[Place] = ()
    """What each row is about, where its columns `task` and `strategy` do not say it."""


def value_text(value: object) -> str:
    """A hyperparameter as people write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return plain(value)
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
