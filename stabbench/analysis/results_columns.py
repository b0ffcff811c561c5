"""The columns of a table that somebody else wrote, each read as what it has to be, or the row at fault is named."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api import types

from stabbench.errors import UserError

T = TypeVar("T")
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Flags = npt.NDArray[np.int8]
"""`TRUE`, `FALSE` or `UNKNOWN`."""
TRUE, FALSE, UNKNOWN = 1, 0, -1
_FLAG_WORDS = {"true": TRUE, "1": TRUE, "1.0": TRUE, "false": FALSE, "0": FALSE, "0.0": FALSE}
_LARGEST = 2**63
_GAPS = ("", "na", "n/a", "nan", "null", "none")
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+(?:[eE][+-]?\d+)?\s*")
PLACE = "where it lies"
"""The column that says where a run was read from, in place of its row, where no file has a row for each."""
LISTED = 10
"""Faults of one sort that a message names; of the others it says how many there are."""


class Columns:
    """A table's columns, read by kind. All methods raise UserError: rows, runs, column, what was found and expected.

    Rows count from 1; a header is none. All values of a column that are wrong in one way are told at once.
    """

    def __init__(self, table: pd.DataFrame, source: str, rows: int | None = None) -> None:
        """Of a table made long there are `rows` in the file."""
        self.source = source
        self.table = table
        self.decimal_commas: list[str] = []
        """Columns in which a comma stood for the point."""
        self._rows = rows or len(table)

    def __contains__(self, name: object) -> bool:
        return name in self.table.columns

    def faults(self, wrong: Bools, name: str, expected: str) -> UserError:
        """The error for the values of column `name` in the rows `(rows,)` that are `wrong`: the first and how many."""
        rows = np.flatnonzero(wrong)
        if rows.size == 1:
            row = int(rows[0])
            found_here = self._found(row, name)
            return UserError(f"{self.place(row)}, column '{name}': found {found_here}, expected {expected}")
        found = (f"{self.row(row)}: found {self._found(row, name)}" for row in rows[:LISTED].tolist())
        return UserError(
            listed_faults(f"{self.source}, column '{name}': {rows.size} rows, expected {expected}", found, rows.size)
        )

    def _found(self, row: int, name: str) -> str:
        value = self.table[name].iloc[row]
        nothing = types.is_scalar(value) and (pd.isna(value) or value == "")
        return "nothing or NaN" if nothing else f"'{value}'"

    def place(self, row: int) -> str:
        """Where a row is: the source, the row's number and the run it names."""
        return f"{self.source}: {self.row(row)}"

    def row(self, row: int) -> str:
        """`data row 3 (mixout on rte, seed 3)`."""
        strategy, task, seed = (self.table[name].iloc[row] for name in ("strategy", "task", "seed"))
        return f"{self.row_number(row)} ({strategy} on {task}, seed {seed})"

    def row_number(self, row: int) -> str:
        """`data row 3`, as the file counts, for the row at place `row` (from 0); its `PLACE` where there is one."""
        if PLACE in self.table and isinstance(where := self.table[PLACE].iloc[row], str):
            return where
        return f"data row {row % self._rows + 1}"

    def names(self, name: str) -> pd.Series:
        """A column of words, as categories in the order in which they first appear; numbers are taken for words."""
        codes, values = self._distinct(name, "a name of printable characters")
        words = [str(value).strip() for value in values]
        wrong = np.array([not word or not word.isprintable() for word in words] + [True])  # -1, a gap, is the last
        if wrong[codes].any():
            raise self.faults(wrong[codes], name, "a name of printable characters")
        place = {word: number for number, word in enumerate(dict.fromkeys(words))}  # blanks may have set words apart
        merged = np.array([place[word] for word in words], dtype=np.int32)
        return pd.Series(pd.Categorical.from_codes(merged[codes], categories=pd.Index(list(place))))

    def _distinct(self, name: str, expected: str) -> tuple[npt.NDArray[np.int64], Sequence[Any]]:
        """The values of a column, each once, and which of them each row has, -1 for a gap.

        Lists and objects are no values.
        """
        column = self.table[name]
        try:
            codes, values = pd.factorize(column, use_na_sentinel=True)
        except TypeError as error:  # what can be changed cannot be told apart by its hash
            wrong = np.array([not types.is_hashable(value) for value in column.tolist()])
            raise self.faults(wrong, name, expected) from error
        return codes, list(values)

    def whole_numbers(self, name: str) -> npt.NDArray[np.int64]:
        """A column of whole numbers of at most 64 bits."""
        column = self.table[name]
        if types.is_signed_integer_dtype(column) and not column.hasnans:
            return column.to_numpy(dtype=np.int64)
        whole = self._parsed(name, column.tolist(), _whole_number, "a whole number of at most 64 bits")
        return np.array(whole, dtype=np.int64)

    def numbers(self, name: str) -> Floats:
        """A column of numbers, NaN where there is none (or it says NA): shape `(rows,)`.

        Where every number with a comma has one comma and digits around it, it is taken for the decimal point.
        """
        column = self.table[name]
        if types.is_numeric_dtype(column) and not types.is_bool_dtype(column):
            return column.to_numpy(dtype=np.float64, na_value=np.nan)
        values = column.tolist()
        commas = {value for value in values if isinstance(value, str) and "," in value}
        if commas and all(_DECIMAL_COMMA.fullmatch(value) for value in commas):
            self.decimal_commas.append(name)
            values = [value.replace(",", ".") if isinstance(value, str) else value for value in values]
        return np.array(self._parsed(name, values, _number, "a number"), dtype=np.float64)

    def _parsed(self, name: str, values: Sequence[Any], parse: Callable[[Any], T], expected: str) -> list[T]:
        found, wrong = [], np.zeros(len(values), np.bool_)
        for row, value in enumerate(values):
            try:
                found.append(parse(value))
            except (ValueError, TypeError, OverflowError):
                wrong[row] = True
        if wrong.any():
            raise self.faults(wrong, name, expected)
        return found

    def flags(self, name: str) -> Flags:
        """A column of true or false (or 1 and 0), `UNKNOWN` where there is nothing: shape `(rows,)`."""
        codes, values = self._distinct(name, "true or false")
        words = [str(value).strip().lower() for value in values]
        known = np.array([UNKNOWN if word == "" else _FLAG_WORDS.get(word, 2) for word in words] + [UNKNOWN], np.int8)
        found: Flags = known[codes]
        if (found == 2).any():
            raise self.faults(found == 2, name, "true or false")
        return found

    def choices(self, name: str, known: Collection[str]) -> pd.Series:
        """A column of words, each one of `known`."""
        found = self.names(name)
        wrong = ~found.isin(list(known)).to_numpy()
        if wrong.any():
            expected = f"one of {', '.join(known)} (a column with other words needs another name)"
            raise self.faults(wrong, name, expected)
        return found


def places(runs: pd.DataFrame) -> npt.NDArray[np.int64]:
    """The number of each run's model and task, from 0 in the order in which they first appear: shape `(rows,)`."""
    return runs.groupby(["model", "task"], sort=False, observed=True).ngroup().to_numpy().astype(np.int64)


def listed_faults(head: str, faults: Iterable[str], count: int) -> str:
    """A message with a line for each of the first faults of one sort, and how many more there are."""
    lines = [f"  {text}" for text in islice(faults, LISTED)]
    more = [f"  and {count - LISTED} more"] if count > LISTED else []
    return "\n".join([f"{head}:", *lines, *more])


def _whole_number(value: Any) -> int:
    exact = int(value) if isinstance(value, (str, int)) else value
    if isinstance(value, bool) or exact != int(exact) or not -_LARGEST <= exact < _LARGEST:
        raise ValueError
    if isinstance(exact, float) and abs(exact) > 2**53:  # may have been another one
        raise ValueError
    return int(exact)


def _number(value: Any) -> float:
    if isinstance(value, (bool, np.bool_)):
        raise ValueError
    if value is None or value is pd.NA or (isinstance(value, str) and value.strip().lower() in _GAPS):
        return math.nan
    return float(value)  # whatever is none raises TypeError
