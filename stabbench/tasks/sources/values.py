"""The values of a table's column as texts, words and numbers, whatever type they have there."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from stabbench.tables import Table

_WHOLE = re.compile(r"^([+-]?\d+)\.0+$")


@dataclass(frozen=True, eq=False)
class Places:
    """Where the rows of a table are from, for messages: the lines of a file are counted when they are asked for."""

    table: Table

    @property
    def noun(self) -> str:
        """What a row is called there."""
        return "row" if self.table.lines is None else "line"

    @cached_property
    def numbers(self) -> Sequence[int]:
        """The line in which each row begins, or the row's number, from 1."""
        return range(1, len(self.table.frame) + 1) if self.table.lines is None else self.table.lines()

    def __call__(self, row: int) -> str:
        """`line 3` of the row with this number, from 0."""
        return f"{self.noun} {self.numbers[row]}"


def number(said: str) -> float | None:
    """The finite number that a label says, or None."""
    try:
        value = float(said)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def texts_of(column: pd.Series) -> list[str]:
    """The values as texts, empty where there is none."""
    values = column.to_numpy(dtype=object)
    return [value if type(value) is str else "" if _is_nothing(value) else str(value) for value in values]


def empty(texts: Sequence[str]) -> list[int]:
    """The rows whose text says nothing."""
    return [] if all(map(str.strip, texts)) else [row for row, text in enumerate(texts) if not text.strip()]


def words(column: pd.Series) -> list[str]:
    """Each value as it is written (`word`)."""
    known = _Words()
    values = column.to_numpy(dtype=object)
    return [known[value] if type(value) is str else word(value) for value in values]


class _Words(dict[str, str]):
    """Of texts, most of which come again and again."""

    def __missing__(self, value: str) -> str:
        self[value] = found = word(value)
        return found


def _is_nothing(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or bool(value != value)


def word(value: object) -> str:
    """A value as it is written: 1 for 1, 1.0 and "1.0" (as pandas writes a column with gaps), true for True.

    Empty where there is none.
    """
    if type(value) is str and value[-1:] not in "0 \t\n":  # most are words as they stand
        return value.strip()
    if _is_nothing(value):
        return ""
    if isinstance(value, (bool, np.bool_)):
        return str(value).lower()
    return _WHOLE.sub(r"\1", str(value).strip())
