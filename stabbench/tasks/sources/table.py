"""A user's own labelled data: a table for training and one for dev, with texts and a label in columns of any name."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from stabbench.datasets import Dataset
from stabbench.errors import UserError, nearest
from stabbench.tables import read_table
from stabbench.tasks.faults import Rows, told
from stabbench.tasks.sources.contract import Labelled, Source, Wanted

OWN = "own files"
"""What a task of own files has in the place of a data set's name."""
METRICS = ("accuracy", "mcc")
"""Metrics of a task that names none."""
MOST_NUMBERS = 10
"""Classes whose names are numbers, not all of them whole, above which they are taken for measurements."""
_WHOLE = re.compile(r"^([+-]?\d+)\.0+$")


@dataclass(frozen=True)
class OwnTables:
    """Where the examples are: a file a split, the columns of one or two texts and the column of the label.

    `labels` gives the names of the classes and their order; without it they are those that the tables have, numbers by
    their value and words by the alphabet.
    """

    files: Mapping[str, str]
    text: Sequence[str]
    label: str
    labels: Sequence[str] | None = None
    metrics: Sequence[str] | None = None

    def read(self, name: str, root: Path = Path()) -> tuple[Dataset, dict[str, pd.DataFrame]]:
        """The data set that the tables make, and its examples a split; `example` is the row's number, from 0.

        UserError naming the task where a file is missing or no table, a column is missing, or rows have an empty text
        or a label that is not among `labels`: of each file the first ten such rows and their count.
        """
        tables: dict[str, pd.DataFrame] = {}
        wrong = []
        for split, file in self.files.items():
            try:
                tables[split] = self._table(root / file)
            except UserError as error:
                wrong.append(f"task {name}: {error}")
        if wrong:
            raise UserError("\n".join(wrong))
        names = [_word(label) for label in self.labels or ()]
        if not names:
            names = _classes(table[self.label] for table in tables.values())
            _check_classes(f"task {name}: column '{self.label}'", names)
        metrics = tuple(self.metrics or METRICS)
        if len(names) != 2 and "f1" in metrics:
            raise UserError(
                f"task {name}: f1 is that of the second of two classes, and there are {len(names)}: take accuracy, mcc"
            )
        read = {split: _examples(table, self.text, self.label, names) for split, table in tables.items()}
        faults = [
            told(f"task {name}: {self.files[split]}", "data row", rows.faults)
            for split, rows in read.items()
            if rows.faults
        ]
        if faults:
            raise UserError("\n".join(faults))
        dataset = Dataset(OWN, OWN, "own", metrics, tuple(names), len(self.text) == 2)
        return dataset, {split: rows.frame() for split, rows in read.items()}

    def _table(self, path: Path) -> pd.DataFrame:
        wanted = [*self.text, self.label]
        table = read_table(path, wanted)
        found = [str(column).strip() for column in table.columns]
        table.columns = pd.Index(found)
        missing = [column for column in wanted if column not in found]
        if missing:
            close = {column: nearest(column, found) for column in missing}
            named = ", ".join(f"'{column}'" + (f" (is it '{near}'?)" if near else "") for column, near in close.items())
            raise UserError(f"{path} has no column {named}; found {', '.join(found)}")
        return table


class Table(Source[OwnTables]):
    """Own files."""

    description = "own tables: CSV, Parquet or JSON lines, with texts and a label in columns of any name"
    Options = OwnTables

    def read(self, options: OwnTables, wanted: Wanted) -> Labelled:
        """Both files, every row."""
        dataset, frames = options.read(wanted.task, wanted.root)
        origin = {"files": dict(options.files), "text": list(options.text), "label": options.label}
        return Labelled(dataset, frames, origin)


def _examples(table: pd.DataFrame, text: Sequence[str], label: str, names: Sequence[str]) -> Rows:
    numbers = {name: number for number, name in enumerate(names)}
    rows = Rows()
    for row, (value, *texts) in enumerate(zip(table[label], *(table[column] for column in text), strict=True), start=1):
        word = _word(value)
        wrong = f"label {word!r}, expected one of {', '.join(names)}" if word else "there is no label"
        rows.add(row, [_text(text) for text in texts], numbers.get(word), wrong)
    return rows


def _classes(columns: Iterable[pd.Series]) -> list[str]:
    """The labels that the columns have, without gaps: numbers by their value, words by the alphabet."""
    found = {word for column in columns for value in column.unique() if (word := _word(value))}
    try:
        return sorted(found, key=lambda word: (float(word), word))
    except ValueError:
        return sorted(found)


def _check_classes(place: str, names: Sequence[str]) -> None:
    """UserError where the labels are measured numbers rather than classes."""
    try:
        numbers = [float(name) for name in names]
    except ValueError:
        return
    broken = [name for name, number in zip(names, numbers, strict=True) if not number.is_integer()]
    if len(names) > MOST_NUMBERS and broken:
        raise UserError(
            f"{place} has {len(names)} different numbers such as {broken[0]}, expected classes: make some of them "
            "(low, high), or, if each is one, name them with labels: [...]"
        )


def _text(value: object) -> str:
    return "" if _is_nothing(value) else str(value)


def _is_nothing(value: object) -> bool:
    return value is None or value is pd.NA or (isinstance(value, (float, np.floating)) and math.isnan(value))


def _word(value: object) -> str:
    """A label as it is written: 1 for 1, 1.0 and "1.0" (as pandas writes a column with gaps), true for True.

    Empty where there is none.
    """
    if _is_nothing(value):
        return ""
    if isinstance(value, (bool, np.bool_)):
        return str(value).lower()
    return _WHOLE.sub(r"\1", str(value).strip())
