"""Tables of text for the page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from stabbench.analysis.place import Place
from stabbench.report.numbers import plain

Item = TypeVar("Item")
LISTED = 60
"""Rows of a long table on the page; the data hold all."""


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

    @classmethod
    def of(cls, items: Iterable[Item], columns: Mapping[str, Callable[[Item], str]], **kind: Any) -> Grid:
        """A row an item: each column's head stands beside what writes its cells. `kind` is the rest of the fields."""
        return cls(list(columns), [[text(item) for text in columns.values()] for item in items], **kind)


def cell_columns(several: bool) -> dict[str, Callable[[Mapping[str, Any]], str]]:
    """The first columns of a table with a row a cell: its task, with the model where there are `several`; strategy."""
    return {
        "task": lambda row: f"{row['model']}: {row['task']}" if several else str(row["task"]),
        "strategy": lambda row: str(row["strategy"]),
    }


def value_text(value: object) -> str:
    """A hyperparameter as people write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return plain(value)
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
