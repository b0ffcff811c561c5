"""A table that anybody's code wrote (text, Parquet, JSON lines), read as it stands and not judged."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import sys
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from stabbench.dialect import Dialect
from stabbench.errors import UserError, told

DELIMITERS = (",", "\t", ";", "|")
ENDINGS = (".csv", ".tsv", ".txt", ".parquet", ".jsonl", ".ndjson")
"""Those of which the content need not be looked at to know that it is a table; each may have `.gz` after it."""
ENCODING = "save the file as UTF-8"
_LOOKED_AT = 20
"""Lines by which the delimiter is found."""
_MARKS = {"utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE), "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)}
"""Byte order marks that tell an encoding; the longer ones first, as one begins with another."""
_GZIP, _PARQUET, _ZIP = b"\x1f\x8b", b"PAR1", b"PK\x03\x04"


@dataclass(frozen=True, eq=False)
class Table:
    """A table as it was read; `lines` counts, where it is asked for, the line of the file in which each row begins.

    It is None where a row is no line.
    """

    frame: pd.DataFrame
    lines: Callable[[], Sequence[int]] | None = None


def read_table(path: Path, words: Collection[str]) -> pd.DataFrame:
    """The table in a file; as `read`, with what is inside telling how."""
    return read(path, words).frame


def read(path: Path, words: Collection[str], dialect: Dialect | None = None) -> Table:
    """The table in a CSV, TSV, Parquet or JSON-lines file, gzipped or not, numbers to the last bit.

    What it is tells what is inside: Parquet's and gzip's marks, an object in the first line; else it is text, of which
    the delimiter (comma, tab, semicolon, bar) is the one that makes most columns, and quotation marks are read as they
    stand where every line has its columns without them and no CSV writer would have put them so. Its columns in `words`
    come as text whatever they look like (`1` may be a name), and so does one whose values are not all numbers. The
    encoding is UTF-8, unless the `dialect` or a byte order mark (UTF-16, UTF-32) says another; without a `dialect` no
    message says how to name one.

    Raises UserError where there is no such file, it is empty, no table, not of its encoding, or has rows with
    more or fewer columns than its header: the first ten lines and their count.
    """
    if not path.is_file():
        raise UserError(f"{path}: there is no such file")
    content = path.read_bytes()
    endings = [ending.lower() for ending in path.suffixes]
    try:
        if content.startswith(_GZIP):
            content, endings = gzip.decompress(content), [ending for ending in endings if ending != ".gz"]
        if not content:
            raise UserError(f"{path}: the file is empty, expected a table")
        ending = endings[-1] if endings else ""
        if content.startswith(_PARQUET) or ending == ".parquet":
            return Table(pyarrow.parquet.read_table(pa.BufferReader(content)).to_pandas())
        if content.startswith(_ZIP):
            raise UserError(f"{path}: a zip archive, such as a spreadsheet ('{ending}'): save the table as CSV")
        text = _as_utf8(path, content, _encoding(content, dialect), _advice(dialect))
        if not text.strip():
            raise UserError(
                f"{path}: the file holds nothing but blank lines, expected a table: was it written to its end?"
            )
        if ending in (".jsonl", ".ndjson") or text.lstrip().startswith((b"{", b"[{", b"[\n")):
            return _json_lines(path, text, _advice(dialect))
        return _delimited(path, text, words, dialect, ending)
    except (pa.ArrowException, csv.Error, OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: not readable as {endings[-1] if endings else 'a table'}: {error}") from error


def _encoding(content: bytes, dialect: Dialect | None) -> str | None:
    """The encoding that is said, or that a byte order mark says; None for UTF-8."""
    if dialect is not None and dialect.encoding is not None:
        return dialect.encoding
    return next((name for name, marks in _MARKS.items() if content.startswith(marks)), None)


def _advice(dialect: Dialect | None) -> str:
    """What to do about a file that is not of its encoding, where that can be said (`dialect`) or not."""
    return ENCODING if dialect is None else f"{ENCODING}, or say its encoding (encoding: cp1252)"


def _as_utf8(path: Path, content: bytes, encoding: str | None, advice: str) -> bytes:
    """The content in UTF-8 without a byte order mark."""
    if encoding is not None:
        try:
            content = content.decode(encoding).encode()
        except UnicodeDecodeError as error:
            raise UserError(
                f"{path}: {_line(content, error.start)} is not {encoding} (byte {content[error.start]:#04x})"
            ) from error
        except UnicodeError as error:  # of codecs that tell no byte, and of halves of characters
            raise UserError(f"{path}: is not {encoding} ({error}): {advice}") from error
    return content.removeprefix(codecs.BOM_UTF8)


def _line(content: bytes, place: int) -> str:
    return f"line {content.count(bytes([10]), 0, place) + 1}"


def _delimited(path: Path, text: bytes, words: Collection[str], dialect: Dialect | None, ending: str) -> Table:
    delimiter, names = _header(path, text, dialect)
    if len(names) < 2 and ending not in ENDINGS:
        raise UserError(f"{path}: unknown ending '{ending}', expected one of {', '.join(ENDINGS)}")
    quoted = ((dialect and dialect.quoting) or _quoting(text, delimiter)) == "standard"
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
        _check_encoding(path, text, _advice(dialect))
        table = parse({name: pa.string() for name in names})  # so that checks can name the row
    if ragged:  # of which pyarrow has the number among all rows, the header the first, empty lines not counted
        lines = _lines(text, delimiter, quoted)
        faults = [(lines[row - 1], f"{found} columns, expected {len(names)}") for row, found in ragged]
        raise UserError(told(str(path), "line", faults))
    frame: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True)
    return Table(frame, lambda: _lines(text, delimiter, quoted)[1:])


def _lines(text: bytes, delimiter: str, quoted: bool) -> list[int]:
    """The line in which each row begins, the header first; empty lines are no rows."""
    found, line = [], 1
    reader = _reader(_text_lines(text), delimiter, csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE)
    with _fields_of_any_length():
        for row in reader:
            if row:
                found.append(line)
            line = reader.line_num + 1
    return found


def _text_lines(text: bytes) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(text), "utf-8", newline="")


def _reader(lines: Iterable[str], delimiter: str, quoting: Literal[0, 3], strict: bool = False) -> Any:
    return csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=strict)


@contextmanager
def _fields_of_any_length() -> Iterator[None]:
    """Python's reader refuses fields of more than 131,072 characters unless it is told otherwise."""
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _header(path: Path, text: bytes, dialect: Dialect | None) -> tuple[str, list[str]]:
    """The delimiter that makes most columns of the first line (and of the most lines after it), and these columns."""
    try:
        lines = list(islice(_text_lines(text), _LOOKED_AT))
    except UnicodeDecodeError:
        _check_encoding(path, text, _advice(dialect))
        raise
    found = []
    how: Literal[0, 3] = csv.QUOTE_NONE if dialect and dialect.quoting == "none" else csv.QUOTE_MINIMAL
    for delimiter in DELIMITERS if dialect is None or dialect.delimiter is None else (dialect.delimiter,):
        with _fields_of_any_length():
            rows = [row for row in _reader(lines, delimiter, how) if row]
        names = rows[0] if rows else []
        found.append((len(names), sum(len(row) == len(names) for row in rows), delimiter, names))
    _, _, delimiter, names = max(found, key=lambda entry: entry[:2])  # of equals the first
    return delimiter, names


def _quoting(text: bytes, delimiter: str) -> str:
    """`none` where every line has the header's columns as it stands, and the quotation marks are no CSV writer's.

    Such a one puts a mark only around a field, or doubled inside; a row of several lines it does not cut so that each
    has all columns, unless by accident, for which a text would have to hold delimiters, as many do commas but not tabs.
    """
    if b'"' not in text:
        return "standard"
    between = delimiter.encode()
    columns = next(line.count(between) for line in io.BytesIO(text) if line.strip(b"\r\n"))
    if not columns or any(line.count(between) != columns and line.strip(b"\r\n") for line in io.BytesIO(text)):
        return "standard"
    if delimiter == "\t" and any(line.count(b'"') % 2 for line in io.BytesIO(text)):
        return "none"
    try:
        with _fields_of_any_length():
            rows = _reader(_text_lines(text), delimiter, csv.QUOTE_MINIMAL, strict=True)
            return "standard" if all(len(row) in (0, columns + 1) for row in rows) else "none"
    except csv.Error:
        return "none"
    except UnicodeDecodeError:  # which is told when the table is made
        return "standard"


def _check_encoding(path: Path, content: bytes, advice: str) -> None:
    """UserError with all lines that are not UTF-8."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        faults = [fault for fault in enumerate(map(_not_utf8, content.split(b"\n")), start=1) if fault[1]]
        if len(faults) > 1:
            raise UserError(f"{told(str(path), 'line', faults)}\n{advice[0].upper()}{advice[1:]}") from error
        number, fault = faults[0]
        raise UserError(f"{path}: line {number} is {fault}: {advice}") from error


def _not_utf8(line: bytes) -> str:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"not UTF-8 (byte {line[error.start]:#04x})"
    return ""


def _json_lines(path: Path, text: bytes, advice: str) -> Table:
    columns: dict[str, list[Any]] = {}
    lines: list[int] = []
    faults = []
    try:
        for number, line in enumerate(io.TextIOWrapper(io.BytesIO(text), "utf-8"), start=1):
            if line.isspace():
                continue
            found = _object(line)
            if isinstance(found, str):
                faults.append((number, found))
                continue
            for name, value in found.items():
                column = columns.setdefault(name, [])
                column.extend([None] * (len(lines) - len(column)))
                column.append(value)
            lines.append(number)
    except UnicodeDecodeError:
        _check_encoding(path, text, advice)
        raise
    if faults:
        raise UserError(told(str(path), "line", faults))
    whole = {name: column + [None] * (len(lines) - len(column)) for name, column in columns.items()}
    return Table(pd.DataFrame(whole), lambda: lines)


def _object(line: str) -> Mapping[str, Any] | str:
    """The object of a line, or what the line is instead."""
    try:
        found = json.loads(line)
    except ValueError as error:
        return f"not JSON ({error})"
    if not isinstance(found, dict):
        return f'found {line.strip()[:60]}, expected an object such as {{"column": "value", …}} in each line'
    if "\\ud" in line or "\\uD" in line:
        try:
            json.dumps(found, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return "half of a character (\\ud800 to \\udfff without its other half)"
    return found
