"""A table that anybody's code wrote (text, Parquet, JSON lines), read as it stands and not judged."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from stabbench.errors import UserError, told

DELIMITERS = (",", "\t", ";", "|")
QUOTINGS = ("standard", "none")
ENDINGS = (".csv", ".tsv", ".txt", ".parquet", ".jsonl", ".ndjson")
"""Those of which the content need not be looked at to know that it is a table; each may have `.gz` after it."""
_LOOKED_AT = 20
"""Lines by which the delimiter is found."""
_GZIP, _PARQUET, _ZIP = b"\x1f\x8b", b"PAR1", b"PK\x03\x04"


@dataclass(frozen=True)
class Dialect:
    """How a text file is read where what is inside does not tell; None for what is found there.

    `quoting` is `standard` (a field may stand in double quotes, inside which a doubled one is one) or `none` (a
    quotation mark is a character like any other).
    """

    delimiter: str | None = None
    encoding: str | None = None
    quoting: str | None = None

    def __post_init__(self) -> None:
        if self.delimiter is not None and len(self.delimiter) != 1:
            raise ValueError(f"delimiter {self.delimiter!r}, expected one character such as ';' or '\\t'")
        if self.quoting not in (None, *QUOTINGS):
            raise ValueError(f"quoting {self.quoting!r}, expected {' or '.join(QUOTINGS)}")
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except LookupError:
                raise ValueError(f"encoding {self.encoding!r}, expected one such as utf-8 or latin-1") from None


@dataclass(frozen=True, eq=False)
class Table:
    """A table as it was read; `first_line` is the line of its first row where every row is one line of the file."""

    frame: pd.DataFrame
    first_line: int | None = None


def read_table(path: Path, words: Collection[str]) -> pd.DataFrame:
    """The table in a file; as `read`, with what is inside telling how."""
    return read(path, words).frame


def read(path: Path, words: Collection[str], dialect: Dialect = Dialect()) -> Table:
    """The table in a CSV, TSV, Parquet or JSON-lines file, gzipped or not, numbers to the last bit.

    What it is tells what is inside: Parquet's and gzip's marks, an object in the first line; else it is text, of which
    the delimiter (comma, tab, semicolon, bar) is the one that makes most columns, and quotation marks are read as they
    stand where every line has its columns without them and some line has an odd number. Its columns in `words` come as
    text whatever they look like (`1` may be a name), and so does one whose values are not all numbers.

    Raises UserError where there is no such file, it is empty, no table, not of its encoding (UTF-8), or has rows with
    more or fewer columns than its header: the first ten and their count.
    """
    if not path.is_file():
        raise UserError(f"{path}: there is no such file")
    content = path.read_bytes()
    if not content:
        raise UserError(f"{path}: the file is empty, expected a table")
    endings = [ending.lower() for ending in path.suffixes]
    try:
        if content.startswith(_GZIP):
            content, endings = gzip.decompress(content), [ending for ending in endings if ending != ".gz"]
        ending = endings[-1] if endings else ""
        if content.startswith(_PARQUET) or ending == ".parquet":
            return Table(pyarrow.parquet.read_table(pa.BufferReader(content)).to_pandas())
        if content.startswith(_ZIP):
            raise UserError(f"{path}: a zip archive, such as a spreadsheet ('{ending}'): save the table as CSV")
        text = _as_utf8(path, content, dialect.encoding)
        if ending in (".jsonl", ".ndjson") or text.lstrip().startswith(b"{"):
            return _json_lines(path, text)
        return _delimited(path, text, words, dialect, ending)
    except (pa.ArrowException, csv.Error, OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: not readable as {endings[-1] if endings else 'a table'}: {error}") from error


def _as_utf8(path: Path, content: bytes, encoding: str | None) -> bytes:
    """The content in UTF-8 without a byte order mark."""
    if encoding is not None:
        try:
            content = content.decode(encoding).encode()
        except UnicodeDecodeError as error:
            raise UserError(
                f"{path}: {_line(content, error.start)} is not {encoding} (byte {content[error.start]:#04x})"
            ) from error
    return content.removeprefix(codecs.BOM_UTF8)


def _line(content: bytes, place: int) -> str:
    return f"line {content.count(bytes([10]), 0, place) + 1}"


def _delimited(path: Path, text: bytes, words: Collection[str], dialect: Dialect, ending: str) -> Table:
    delimiter, names = _header(path, text, dialect)
    if len(names) < 2 and ending not in ENDINGS:
        raise UserError(f"{path}: unknown ending '{ending}', expected one of {', '.join(ENDINGS)}")
    quoted = (dialect.quoting or _quoting(text, delimiter.encode())) == "standard"
    types = {name: pa.string() for name in names if name.strip() in words}
    ragged: list[tuple[int, int]] = []

    def skipped(row: Any) -> str:
        ragged.append((row.number, row.actual_columns))
        return "skip"

    def parse(column_types: Mapping[str, pa.DataType]) -> pa.Table:
        ragged.clear()
        return pyarrow.csv.read_csv(
            pa.BufferReader(text),
            read_options=pyarrow.csv.ReadOptions(use_threads=False),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=delimiter,
                newlines_in_values=quoted,
                quote_char='"' if quoted else False,
                invalid_row_handler=skipped,
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict(column_types), strings_can_be_null=True, null_values=[""], timestamp_parsers=[]
            ),
        )

    try:
        table = parse(types)
    except pa.ArrowInvalid:
        _check_encoding(path, text)
        table = parse({name: pa.string() for name in names})  # so that checks can name the row
    if ragged:
        faults = [(row, f"{found} columns, expected {len(names)}") for row, found in ragged]
        raise UserError(told(str(path), "row", faults))
    frame: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True)
    lines = text.count(b"\n") + (not text.endswith(b"\n"))
    return Table(frame, 2 if lines == len(frame) + 1 else None)


def _header(path: Path, text: bytes, dialect: Dialect) -> tuple[str, list[str]]:
    """The delimiter that makes most columns of the first line (and of the most lines after it), and these columns."""
    try:
        lines = list(islice(io.TextIOWrapper(io.BytesIO(text), "utf-8", newline=""), _LOOKED_AT))
    except UnicodeDecodeError:
        _check_encoding(path, text)
        raise
    found = []
    how: Literal[0, 3] = csv.QUOTE_NONE if dialect.quoting == "none" else csv.QUOTE_MINIMAL
    for delimiter in DELIMITERS if dialect.delimiter is None else (dialect.delimiter,):
        rows = list(csv.reader(lines, delimiter=delimiter, quoting=how))
        names = rows[0] if rows else []
        found.append((len(names), sum(len(row) == len(names) for row in rows), delimiter, names))
    _, _, delimiter, names = max(found, key=lambda entry: entry[:2])  # of equals the first
    return delimiter, names


def _quoting(text: bytes, delimiter: bytes) -> str:
    """`none` where every line has the header's columns as it stands, and a quotation mark is left without its other."""
    if b'"' not in text:
        return "standard"
    lines = text.removesuffix(b"\n").split(b"\n")
    columns = lines[0].count(delimiter)
    odd = any(line.count(b'"') % 2 for line in lines)
    return "none" if odd and columns and all(line.count(delimiter) == columns for line in lines) else "standard"


def _check_encoding(path: Path, content: bytes) -> None:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: {_line(content, error.start)} is not UTF-8 (byte {content[error.start]:#04x}): save the file as "
            "UTF-8, or say its encoding"
        ) from error


def _json_lines(path: Path, text: bytes) -> Table:
    columns: dict[str, list[Any]] = {}
    rows, blank = 0, False
    try:
        for number, line in enumerate(io.TextIOWrapper(io.BytesIO(text), "utf-8"), start=1):
            if line.isspace():
                blank = True
                continue
            for name, value in _object(path, number, line).items():
                column = columns.setdefault(name, [])
                column.extend([None] * (rows - len(column)))
                column.append(value)
            rows += 1
    except UnicodeDecodeError:
        _check_encoding(path, text)
        raise
    whole = {name: column + [None] * (rows - len(column)) for name, column in columns.items()}
    return Table(pd.DataFrame(whole), None if blank else 1)


def _object(path: Path, number: int, line: str) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise UserError(f"{path}: line {number} is not JSON ({error})") from error
    if not isinstance(found, dict):
        raise UserError(f'{path}: line {number} is {line.strip()[:60]}, expected an object such as {{"score": 0.8, …}}')
    return found
