"""A file of scores that anybody's code wrote (text, Parquet, JSON lines), read as it stands and not judged."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Collection, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from stabbench.errors import UserError

TEXT = ("model", "task", "strategy", "metric", "status", "failed", "diverged", "collapsed")
"""Columns of a text file that are words, whatever they look like: `1` may be a strategy's name."""
DELIMITERS = (",", "\t", ";", "|")
_LOOKED_AT = 20
"""Lines by which the delimiter is found."""


def read_results(path: Path, columns: Mapping[str, str] | None = None) -> pd.DataFrame:
    """The table in a `.csv`, `.tsv`, `.txt`, `.parquet`, `.jsonl` or `.ndjson` file, numbers to the last bit.

    What separates the columns of a text file (comma, tab, semicolon, bar) is found by what is inside. A column of it
    whose values are not all numbers comes as text, and so do those of `TEXT`, whatever `columns` says the file calls
    them. Raises UserError where there is no such file, its ending is unknown, it is empty, not UTF-8, or not of its
    kind.
    """
    if not path.is_file():
        raise UserError(f"{path}: there is no such file")
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise UserError(f"{path}: unknown ending '{path.suffix}', expected one of {', '.join(READERS)}")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty, expected a table with a row a run")
    try:
        return read(path, {(columns or {}).get(name, name) for name in TEXT})
    except (pa.ArrowException, csv.Error, OSError) as error:
        raise UserError(f"{path}: not readable as {path.suffix.lower()}: {error}") from error


def _delimited(path: Path, words: Collection[str]) -> pd.DataFrame:
    delimiter, names = _header(path)
    text = {name: pa.string() for name in names if name.strip() in words}
    try:
        table = _parse(path, delimiter, text)
    except pa.ArrowInvalid:
        _check_encoding(path)
        table = _parse(path, delimiter, {name: pa.string() for name in names})  # so that checks can name the row
    frame: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True)
    return frame


def _header(path: Path) -> tuple[str, list[str]]:
    """The delimiter that makes most columns of the first line (and of the most lines after it), and these columns."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(islice(file, _LOOKED_AT))
    except UnicodeDecodeError:
        _check_encoding(path)
        raise
    found = []
    for delimiter in DELIMITERS:
        rows = list(csv.reader(lines, delimiter=delimiter))
        names = rows[0] if rows else []
        found.append((len(names), sum(len(row) == len(names) for row in rows), delimiter, names))
    _, _, delimiter, names = max(found, key=lambda entry: entry[:2])  # of equals the first
    return delimiter, names


def _parse(path: Path, delimiter: str, types: Mapping[str, pa.DataType]) -> pa.Table:
    return pyarrow.csv.read_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(use_threads=False),
        parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict(types), strings_can_be_null=True, null_values=[""], timestamp_parsers=[]
        ),
    )


def _check_encoding(path: Path) -> None:
    content = path.read_bytes()
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path}: line {line} is not UTF-8 (byte {content[error.start]:#04x}): save the file as UTF-8"
        ) from error


def _parquet(path: Path, words: Collection[str]) -> pd.DataFrame:
    frame: pd.DataFrame = pyarrow.parquet.read_table(path).to_pandas()
    return frame


def _json_lines(path: Path, words: Collection[str]) -> pd.DataFrame:
    columns: dict[str, list[Any]] = {}
    rows = 0
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.isspace():
                    continue
                for name, value in _object(path, number, line).items():
                    column = columns.setdefault(name, [])
                    column.extend([None] * (rows - len(column)))
                    column.append(value)
                rows += 1
    except UnicodeDecodeError:
        _check_encoding(path)
        raise
    whole = {name: column + [None] * (rows - len(column)) for name, column in columns.items()}
    return pd.DataFrame(whole)


def _object(path: Path, number: int, line: str) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise UserError(f"{path}: line {number} is not JSON ({error})") from error
    if not isinstance(found, dict):
        raise UserError(f'{path}: line {number} is {line.strip()[:60]}, expected an object such as {{"score": 0.8, …}}')
    return found


READERS: Mapping[str, Callable[[Path, Collection[str]], pd.DataFrame]] = {
    ".csv": _delimited,
    ".tsv": _delimited,
    ".txt": _delimited,
    ".parquet": _parquet,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}
"""By the file's ending."""
