"""What the columns of anybody's table look like: texts, words, numbers, identifiers; as a task would read them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Literal

import numpy as np
import pandas as pd

from stabbench.dialect import Dialect
from stabbench.errors import UserError
from stabbench.scaffold import naming
from stabbench.tables import read
from stabbench.tasks.sources.values import word

Kind = Literal["text", "words", "booleans", "whole numbers", "numbers", "identifiers", "dates", "lists", "empty"]
NOTHING = frozenset({"", "-", "?", "na", "n/a", "#n/a", "nan", "null"})
"""What stands for no value in labels, in lower case; `none` and `unknown` may be classes."""
FEW_NUMBERS = 10
"""Whole numbers up to which they are taken for classes."""
_DATE = re.compile(r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?$")
_MARKED_SHARE = 0.05
"""Share of the rows up to which words in a column of numbers are marks for no number."""


def shown(value: str, longest: int = 40) -> str:
    """A name or value for a comment or a message: in one line, not too long, in quotes where it is no plain word."""
    line = " ".join("".join(character if character.isprintable() else " " for character in value).split())
    short = line if len(line) <= longest else line[: longest - 1] + "…"
    return short if re.fullmatch(r"[\w.…/ -]*\w[\w.…/ -]*", short) and short == value.strip() else f"'{short}'"


@dataclass(frozen=True, eq=False)
class Column:
    """A column as words: how often each of its values is there, those that stand for none apart."""

    name: str
    kind: Kind
    counts: Mapping[str, int]
    nothing: Mapping[str, int]

    @property
    def filled(self) -> int:
        """Rows with a value."""
        return sum(self.counts.values())

    @property
    def share_filled(self) -> float:
        """Their share of all rows."""
        return self.filled / max(1, self.filled + sum(self.nothing.values()))

    @cached_property
    def characters(self) -> float:
        """Median length of its values."""
        return (
            median(np.repeat([len(value) for value in self.counts], list(self.counts.values()))) if self.counts else 0
        )

    @cached_property
    def numbers(self) -> list[float] | None:
        """Its different values as numbers, or None where one is no number."""
        found = [number(value) for value in self.counts]
        return None if None in found or not found else [value for value in found if value is not None]

    def __str__(self) -> str:
        """The kind and what tells it, for a comment."""
        marks = " or ".join(shown(mark) if mark else "nothing" for mark in sorted(self.nothing))
        none = f"; {marks} in {rows_of(sum(self.nothing.values()))}" if self.counts and self.nothing else ""
        return f"{self.kind}{self._more()}{none}"

    def _more(self) -> str:
        different = "all different" if len(self.counts) == self.filled else f"{len(self.counts):,} different"
        if self.kind == "text":
            words = median(len(value.split()) for value in self.counts)
            return f", {words:.0f} words in the median, {different}"
        if self.numbers and self.kind in ("numbers", "whole numbers"):
            return f" from {min(self.numbers):.10g} to {max(self.numbers):.10g}, {different}"
        if self.kind in ("words", "booleans"):
            first = sorted(self.counts, key=lambda value: (-self.counts[value], value))[:4]
            shares = ", ".join(f"{shown(value)} {100 * self.counts[value] / self.filled:.0f} %" for value in first)
            return f" ({shares})" if len(self.counts) <= 4 else f", {different} (most often {shares})"
        return f", {different}" if self.kind in ("identifiers", "dates") else ""


def rows_of(count: int) -> str:
    """A number of rows in words."""
    return "1 row" if count == 1 else f"{count:,} rows"


def number(value: str) -> float | None:
    """The finite number that a value is, or None."""
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def read_as_words(path: Path, encoding: str | None) -> pd.DataFrame:
    """The table in a file, with every column of a text file as text: what a task makes of it.

    UserError where it cannot be read, has no rows, or one name for two columns.
    """
    dialect = Dialect(encoding=encoding)
    first = read(path, (), dialect).frame
    names = [str(name).strip() for name in first.columns]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UserError(f"{path} has more than one column {shown(twice[0])!r}: give each a name of its own")
    if first.empty:
        raise UserError(f"{path} has no rows, only the columns {', '.join(map(shown, names))}")
    return read(path, names, dialect).frame.set_axis(names, axis="columns")


def look(frame: pd.DataFrame) -> list[Column]:
    """The columns of a table, each with its kind."""
    return [_column(name, frame[name]) for name in frame.columns]


def _column(name: str, values: pd.Series) -> Column:
    first = next((value for value in values if value is not None), None)
    if isinstance(first, (list, tuple, dict, set, np.ndarray)):
        return Column(name, "lists", {}, {})
    found = Counter(values.map(word))
    nothing = {value: count for value, count in found.items() if value.lower() in NOTHING}
    counts = {value: count for value, count in found.items() if value not in nothing}
    marks = _marks(counts)
    counts = {value: count for value, count in counts.items() if value not in marks}
    return Column(name, _kind(name, counts, values), counts, nothing | marks)


def _marks(counts: Mapping[str, int]) -> dict[str, int]:
    """Words in a column of measured numbers, which stand for no number where they are few."""
    marks = {value: count for value, count in counts.items() if number(value) is None}
    few = sum(marks.values()) <= _MARKED_SHARE * sum(counts.values())
    return marks if few and len(counts) - len(marks) > FEW_NUMBERS else {}


def _kind(name: str, counts: Mapping[str, int], values: pd.Series) -> Kind:
    if not counts:
        return "empty"
    if {value.lower() for value in counts} <= {"true", "false"}:
        return "booleans"
    numbers = [number(value) for value in counts]
    if None not in numbers:
        return "whole numbers" if all(found.is_integer() for found in numbers if found is not None) else "numbers"
    if values.dtype.kind == "M" or all(_DATE.match(value) for value in counts):
        return "dates"
    return "text" if _is_text(name, counts) else "words" if _repeats(counts) else "identifiers"


def _repeats(counts: Mapping[str, int]) -> bool:
    return len(counts) <= sum(counts.values()) / 2


def _is_text(name: str, counts: Mapping[str, int]) -> bool:
    """Words with spaces between (not in every script), mostly different: classes such as `credit card` are few."""
    total = sum(counts.values())
    spaced = sum(count for value, count in counts.items() if " " in value or "\n" in value or _unspaced(value))
    if spaced < total / 2:
        return False
    named = naming.may_be_text(name) and len(counts) > FEW_NUMBERS
    long = median(len(value.split()) for value in counts) >= 5 and len(counts) >= max(FEW_NUMBERS, 0.02 * total)
    return named or long or len(counts) >= 0.5 * total


def _unspaced(value: str) -> bool:
    """Whether it may be a sentence of a script that puts no spaces between words."""
    return len(value) >= 6 and sum(ord(character) >= 0x0E00 for character in value) > len(value) / 2


def listed(columns: Iterable[Column]) -> str:
    """Columns with their kinds, for a sentence."""
    return "; ".join(f"{shown(column.name)} ({column})" for column in columns)
