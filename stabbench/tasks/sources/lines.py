"""A line of an official file: tab-separated columns or a JSON object, to its texts and its label."""

from __future__ import annotations

import json
from dataclasses import dataclass

from stabbench.datasets import Columns, TabLayout


@dataclass(frozen=True)
class Line:
    """What a line holds: one or two texts, and the label as it is written; or why it is no example."""

    texts: tuple[object, ...] = ()
    label: str = ""
    place: str = ""
    """Where the label is."""
    fault: str = ""
    short: bool = False
    """Whether it ends before its last column."""


def read_line(line: str, layout: TabLayout | Columns, title: str) -> Line:
    """A line of a file of that layout; `title` is the data set's, for faults."""
    return _of_tabs(line, layout, title) if isinstance(layout, TabLayout) else _of_json(line, layout, title)


def _of_tabs(line: str, layout: TabLayout, title: str) -> Line:
    """Fields are never quoted: a quotation mark is a character like any other."""
    fields = line.split("\t")
    if len(fields) != layout.columns:
        fault = f"{len(fields)} tab-separated columns, expected {layout.columns} ({title})"
        return Line(fault=fault, short=len(fields) < layout.columns)
    texts = (fields[layout.text_a], *(() if layout.text_b is None else (fields[layout.text_b],)))
    return Line(texts, fields[layout.label], f" in column {layout.label + 1}")


def _of_json(line: str, columns: Columns, title: str) -> Line:
    """A label that is no text, such as true, is as JSON writes it."""
    expected = f"expected a JSON object with {', '.join(columns.names)} ({title})"
    try:
        row = json.loads(line)
    except ValueError:
        return Line(fault=f"this is not JSON, {expected}")
    if not isinstance(row, dict):
        return Line(fault=f"this is no JSON object, {expected}")
    missing = [name for name in columns.names if name not in row]
    if missing:
        return Line(fault=f"there is no {' and no '.join(missing)}, {expected}")
    label = row[columns.label]
    return Line(tuple(columns.texts(row)), label if isinstance(label, str) else json.dumps(label))
