"""The columns of a table that somebody else wrote, each read as what it has to be, or the row at fault is named."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api import types

from stabbench.errors import UserError, nearest

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Flags = npt.NDArray[np.int8]
"""`TRUE`, `FALSE` or `UNKNOWN`."""
TRUE, FALSE, UNKNOWN = 1, 0, -1
_FLAG_WORDS = {"true": TRUE, "1": TRUE, "1.0": TRUE, "false": FALSE, "0": FALSE, "0.0": FALSE}
_LARGEST = 2**63


class Columns:
    """A table's columns, read by kind. All methods raise UserError with row, run, column, what was found and expected.

    Rows count from 1; a header is none. Blanks around names do not count.
    """

    def __init__(self, table: pd.DataFrame, source: str, required: Collection[str]) -> None:
        """UserError where a `required` column is missing, a name stands twice, or there are no rows."""
        self.source = source
        self.table = table.set_axis([str(name).strip() for name in table.columns], axis=1)
        names = list(self.table.columns)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UserError(f"{source}: more than one column '{twice[0]}', expected one")
        absent = [name for name in required if name not in names]
        if absent:
            close = nearest(absent[0], [name for name in names if name not in required])
            hint = f" (is it '{close}'?)" if close else ""
            raise UserError(
                f"{source}: no column '{absent[0]}'{hint}, expected {', '.join(required)}; found {', '.join(names)}"
            )
        if self.table.empty:
            raise UserError(f"{source}: no rows, expected one for each run")

    def __contains__(self, name: object) -> bool:
        return name in self.table.columns

    def fault(self, row: int, name: str, expected: str) -> UserError:
        """The error for the value of column `name` in the row at place `row` (from 0)."""
        value = self.table[name].iloc[row]
        nothing = types.is_scalar(value) and (pd.isna(value) or value == "")
        found = "nothing or NaN" if nothing else f"'{value}'"
        return UserError(f"{self.place(row)}, column '{name}': found {found}, expected {expected}")

    def place(self, row: int) -> str:
        """Where a row is: the source, the row's number and the run it names."""
        strategy, task, seed = (self.table[name].iloc[row] for name in ("strategy", "task", "seed"))
        return f"{self.source}: data row {row + 1} ({strategy} on {task}, seed {seed})"

    def names(self, name: str) -> pd.Series:
        """A column of words, as categories in the order in which they first appear; numbers are taken for words."""
        codes, values = pd.factorize(self.table[name], use_na_sentinel=True)
        words = [str(value).strip() for value in values]
        wrong = np.array([not word or not word.isprintable() for word in words] + [True])  # -1, a gap, is the last
        if wrong[codes].any():
            raise self.fault(int(wrong[codes].argmax()), name, "a name of printable characters")
        place = {word: number for number, word in enumerate(dict.fromkeys(words))}  # blanks may have set words apart
        merged = np.array([place[word] for word in words], dtype=np.int32)
        return pd.Series(pd.Categorical.from_codes(merged[codes], categories=pd.Index(list(place))))

    def whole_numbers(self, name: str) -> npt.NDArray[np.int64]:
        """A column of whole numbers of at most 64 bits."""
        column = self.table[name]
        if types.is_signed_integer_dtype(column) and not column.hasnans:
            return column.to_numpy(dtype=np.int64)
        expected = "a whole number of at most 64 bits"
        whole = np.empty(len(column), np.int64)
        for row, value in enumerate(column.tolist()):
            try:
                exact = int(value) if isinstance(value, (str, int)) else value
                if isinstance(value, bool) or exact != int(exact) or not -_LARGEST <= exact < _LARGEST:
                    raise ValueError
                if isinstance(exact, float) and abs(exact) > 2**53:  # may have been another one
                    raise ValueError
            except (ValueError, TypeError, OverflowError):
                raise self.fault(row, name, expected) from None
            whole[row] = int(exact)
        return whole

    def scores(self, name: str, unit: float, gaps: Bools) -> Floats:
        """A column of scores over `unit`: shape `(rows,)`, in [-1, 1], NaN only where `gaps` allow it."""
        numbers = self._numbers(name)
        for wrong, expected in (
            (np.isnan(numbers) & ~gaps, "a number: give a run that diverged the majority classifier's"),
            (np.isinf(numbers), "a finite number"),
            (np.abs(numbers) > unit, _range(unit)),
        ):
            if wrong.any():
                raise self.fault(int(wrong.argmax()), name, expected)
        return numbers / unit

    def _numbers(self, name: str) -> Floats:
        column = self.table[name]
        if types.is_numeric_dtype(column) and not types.is_bool_dtype(column):
            return column.to_numpy(dtype=np.float64, na_value=np.nan)
        numbers = np.empty(len(column))
        for row, value in enumerate(column.tolist()):
            try:
                if isinstance(value, (bool, np.bool_)):
                    raise ValueError
                numbers[row] = np.nan if value is None or value is pd.NA or value == "" else float(value)
            except (ValueError, TypeError):
                raise self.fault(row, name, "a number") from None
        return numbers

    def flags(self, name: str) -> Flags:
        """A column of true or false (or 1 and 0), `UNKNOWN` where there is nothing: shape `(rows,)`."""
        codes, values = pd.factorize(self.table[name], use_na_sentinel=True)
        words = [str(value).strip().lower() for value in values]
        known = np.array([UNKNOWN if word == "" else _FLAG_WORDS.get(word, 2) for word in words] + [UNKNOWN], np.int8)
        found: Flags = known[codes]
        if (found == 2).any():
            raise self.fault(int((found == 2).argmax()), name, "true or false")
        return found

    def choices(self, name: str, known: Collection[str]) -> pd.Series:
        """A column of words, each one of `known`."""
        found = self.names(name)
        wrong = ~found.isin(list(known)).to_numpy()
        if wrong.any():
            expected = f"one of {', '.join(known)} (a column with other words needs another name)"
            raise self.fault(int(wrong.argmax()), name, expected)
        return found


def places(runs: pd.DataFrame) -> npt.NDArray[np.int64]:
    """The number of each run's model and task, from 0 in the order in which they first appear: shape `(rows,)`."""
    return runs.groupby(["model", "task"], sort=False, observed=True).ngroup().to_numpy().astype(np.int64)


def _range(unit: float) -> str:
    if unit == 1:
        return "a fraction, from -1 to 1: if the scores are per cent, say so with --percent (percent=True)"
    return f"per cent, from -{unit:g} to {unit:g}"
