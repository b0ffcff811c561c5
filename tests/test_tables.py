"""Tables of anybody's code: what is inside tells the format, and what cannot be read is told by its lines."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Literal

import pandas as pd
import pytest

from stabbench.dialect import Dialect
from stabbench.errors import UserError
from stabbench.tables import Table, read

ROWS = [
    ("Printer, again; or not | so", "hardware"),
    ('He said "no"', "access"),
    ("Screen\nis\tdark", "hardware"),
    ("Gehälter ☃", "pay"),
]
WORDS = {"body", "kind"}


def written(ending: str, rows: list[tuple[str, str]] = ROWS) -> bytes:
    frame = pd.DataFrame(rows, columns=["body", "kind"])
    if ending == "parquet":
        file = io.BytesIO()
        frame.to_parquet(file)
        return file.getvalue()
    if ending == "jsonl":
        return "".join(json.dumps(row) + "\n" for row in frame.to_dict("records")).encode()
    delimiter = {"csv": ",", "tsv": "\t", "semicolons": ";", "bars": "|"}[ending]
    return frame.to_csv(index=False, sep=delimiter).encode()


def rows_of(table: Table) -> list[tuple[str, ...]]:
    return list(table.frame[["body", "kind"]].itertuples(index=False, name=None))


def reading(folder: Path, content: str | bytes, name: str = "a.csv", **dialect: str) -> Table:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read(path, WORDS, Dialect(**dialect))


@pytest.mark.parametrize("name", ["a.{ending}", "a", "a.data", "a.csv", "tickets.2026-01.txt"])
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzipped"])
@pytest.mark.parametrize("ending", ["csv", "tsv", "semicolons", "bars", "jsonl", "parquet"])
def test_every_format_gives_the_same_rows_gzipped_or_not_under_any_name(
    tmp_path: Path, ending: str, zipped: bool, name: str
) -> None:
    content = written(ending)
    found = reading(tmp_path, gzip.compress(content) if zipped else content, name.format(ending=ending))
    assert rows_of(found) == ROWS


def test_a_gzipped_file_is_known_by_its_content_and_by_the_ending_before_gz(tmp_path: Path) -> None:
    assert rows_of(reading(tmp_path, gzip.compress(written("csv")), "a.csv.gz")) == ROWS
    assert rows_of(reading(tmp_path, written("csv"), "unzipped.csv.gz")) == ROWS
    with pytest.raises(UserError, match=r"not readable as .gz"):
        reading(tmp_path, gzip.compress(written("csv"))[:-20], "cut.csv.gz")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16", "utf-16-le"])
def test_an_encoding_that_is_said_is_taken(tmp_path: Path, encoding: str) -> None:
    rows = [("Größe, naïve", "a"), ("Straße", "b")]
    content = written("csv", rows).decode().encode(encoding)
    assert rows_of(reading(tmp_path, content, encoding=encoding)) == rows


def test_a_delimiter_and_a_quoting_that_are_said_are_taken(tmp_path: Path) -> None:
    assert rows_of(reading(tmp_path, "body:kind\na,b:c\n", delimiter=":")) == [("a,b", "c")]
    assert rows_of(reading(tmp_path, 'body,kind\n"a",b\n', quoting="none")) == [('"a"', "b")]
    assert rows_of(reading(tmp_path, 'body,kind\n"a",b\n', quoting="standard")) == [("a", "b")]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"delimiter": "::"}, "delimiter '::', expected one ASCII character"),
        ({"delimiter": "§"}, "delimiter '§', expected one ASCII character"),
        ({"delimiter": '"'}, "expected one that is neither a quotation mark nor"),
        ({"delimiter": "\n"}, "expected one that is neither a quotation mark nor"),
        ({"quoting": "some"}, "quoting 'some', expected standard or none"),
        ({"encoding": "utf-9"}, "encoding 'utf-9', expected one such as"),
        ({"encoding": "hex"}, "encoding 'hex', expected one such as"),
    ],
)
def test_a_dialect_that_there_is_not_is_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Dialect(**changes)


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("utf-7", "body,kind\na +2AE-,b\n"),
        ("punycode", "body,kind\nthe ä-.,b\n"),
        ("unicode_escape", "a,b\n\\ud800,c\n"),
    ],
)
def test_a_file_that_is_not_of_a_rare_encoding_is_told(tmp_path: Path, encoding: str, content: str) -> None:
    with pytest.raises(UserError, match=rf"a\.csv: .*is not {encoding} "):
        reading(tmp_path, content, encoding=encoding)


@pytest.mark.parametrize(
    "texts",
    [
        ['"lone', "words", 'more "'],
        ['"lone', "words", 'another"'],
        ['5" pipe', "words", "7' pipe"],
        ['"Yes" he said', "words", "x"],
        ['"Yes" he said "no"', '"', "x"],
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"], ids=["LF", "CRLF", "empty lines"])
def test_a_tsv_with_quotation_marks_of_its_own_is_read_as_it_stands(tmp_path: Path, texts: list[str], end: str) -> None:
    lines = ["body\tkind", *(f"{text}\t{row}" for row, text in enumerate(texts))]
    found = reading(tmp_path, end.join(lines) + end, "a.tsv")
    assert rows_of(found) == [(text, str(row)) for row, text in enumerate(texts)]


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_what_a_csv_writer_quoted_is_unquoted(tmp_path: Path, delimiter: str, quoting: Literal[0, 1]) -> None:
    rows = [('He said "no"', "a"), ('"', "b"), ("one\ntwo", "c"), (f"x{delimiter}y", "d")]
    for chosen in (rows, rows[:2], rows[:1]):
        file = io.StringIO()
        csv.writer(file, delimiter=delimiter, quoting=quoting).writerows([("body", "kind"), *chosen])
        assert rows_of(reading(tmp_path, file.getvalue())) == chosen


def test_a_text_of_several_lines_with_commas_is_not_taken_for_lines_of_a_table(tmp_path: Path) -> None:
    found = reading(tmp_path, 'body,kind\n"Dear all, hello\nBye",pay\n')
    assert rows_of(found) == [("Dear all, hello\nBye", "pay")]


def test_words_stay_as_they_are_written_and_numbers_are_numbers(tmp_path: Path) -> None:
    found = reading(tmp_path, "body,kind,size\n007,1.0,1.5\nNA,null,2\n").frame
    assert found["body"].tolist() == ["007", "NA"]
    assert found["kind"].tolist() == ["1.0", "null"]
    assert found["size"].tolist() == [1.5, 2.0]


def test_fields_longer_than_pythons_reader_takes_are_read_whole(tmp_path: Path) -> None:
    long = "word, " * 300_000
    assert rows_of(reading(tmp_path, written("csv", [(long, "a"), ("short", "b")]))) == [(long, "a"), ("short", "b")]
    assert csv.field_size_limit() == 131_072


def test_rows_with_more_or_fewer_columns_are_told_by_the_lines_in_which_they_begin(tmp_path: Path) -> None:
    rows = ["body,kind", '"one\ntwo",a', "", "lonely", "b,c,d", '"x\n\ny",a', "e"]
    with pytest.raises(UserError) as caught:
        reading(tmp_path, "\n".join(rows) + "\n")
    assert str(caught.value).splitlines() == [
        f"{tmp_path / 'a.csv'}: 3 lines cannot be used:",
        "  lines 5, 10: 1 columns, expected 2",
        "  line 6: 3 columns, expected 2",
    ]
    with pytest.raises(UserError) as caught:
        reading(tmp_path, "body,kind\n" + "a\n" * 25)
    lines = str(caught.value).splitlines()
    assert lines[0].endswith("25 lines cannot be used:")
    numbers = ", ".join(map(str, range(2, 12)))
    assert lines[1:] == [f"  25 lines ({numbers} and 15 more): 1 columns, expected 2"]


def test_the_line_of_a_row_is_counted_in_a_file_of_many_blocks(tmp_path: Path) -> None:
    good = "a text of some words,kind\n" * 120_000
    with pytest.raises(UserError) as caught:
        reading(tmp_path, f'body,kind\n"two\nlines",x\n{good}bad\n')
    assert str(caught.value).endswith("a.csv, line 120004: 1 columns, expected 2")


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl"])
def test_each_row_knows_its_line(tmp_path: Path, ending: str) -> None:
    table = reading(tmp_path, written(ending), f"a.{ending}")
    assert table.lines is not None
    assert list(table.lines()) == ([1, 2, 3, 4] if ending == "jsonl" else [2, 3, 4, 6])
    blanks = reading(tmp_path, written(ending).replace(b"\n", b"\n\n", 1), f"a.{ending}")
    assert blanks.lines is not None
    assert list(blanks.lines()) == ([1, 3, 4, 5] if ending == "jsonl" else [3, 4, 5, 7])
    assert reading(tmp_path, written("parquet"), "a.parquet").lines is None


def test_all_lines_that_are_not_utf_8_are_told(tmp_path: Path) -> None:
    content = ("body,kind\n" + "Größe,a\nplain,b\n" * 12).encode("latin-1")
    with pytest.raises(UserError) as caught:
        reading(tmp_path, content)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{tmp_path / 'a.csv'}: 12 lines cannot be used:"
    assert lines[1] == "  12 lines (2, 4, 6, 8, 10, 12, 14, 16, 18, 20 and 2 more): not UTF-8 (byte 0xf6)"
    assert lines[2:] == ["Save the file as UTF-8, or say its encoding (encoding: cp1252)"]
    with pytest.raises(UserError, match=r"line 3 is not ascii .byte 0xc3"):
        reading(tmp_path, "body,kind\na,b\nä,b\n", encoding="ascii")


def test_all_lines_that_are_no_objects_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        reading(tmp_path, '{"body": "a"}\n[1]\n{"body"\n{"body": "\\ud83d"}\n{"body": "\\ud83d\\ude00"}\n', "a.jsonl")
    lines = str(caught.value).splitlines()
    assert lines[0].endswith("3 lines cannot be used:")
    assert lines[1].startswith("  line 2: found [1], expected an object")
    assert lines[2].startswith("  line 3: not JSON (")
    assert lines[3].startswith("  line 4: half of a character")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "the file is empty, expected a table"),
        ("a.csv", gzip.compress(b"", mtime=0), "the file is empty, expected a table"),
        ("a.xlsx", b"PK\x03\x04 and so on", "a zip archive, such as a spreadsheet .'.xlsx'.: save the table as CSV"),
        ("a.parquet", b"no parquet", "not readable as .parquet"),
        ("a.doc", b"nothing but words\n", "unknown ending '.doc', expected one of .csv"),
        ("a.csv", b"\n\n\n", "nothing but blank lines"),
        ("a.json", b'[{"body": "a"}]\n', "line 1: found .{.*}., expected an object such as"),
        ("a.json", b'[\n{"body": "a"},\n', "2 lines cannot be used:\n  line 1: not JSON"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        reading(tmp_path, content, name)
