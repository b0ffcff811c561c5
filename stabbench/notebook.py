"""What a notebook shows of a result: sentences and a table, everything escaped, without styles or scripts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

SHOWN = 100
"""Rows; of the others their number is shown."""


def html(sentences: Iterable[str], head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Paragraphs above a table of at most `SHOWN` rows."""
    told = [*sentences, *([f"and {len(rows) - SHOWN} more rows"] if len(rows) > SHOWN else [])]
    paragraphs = "".join(f"<p>{escape(sentence)}</p>" for sentence in told)
    body = "".join(f"<tr>{_cells('td', row)}</tr>" for row in rows[:SHOWN])
    return f"<div>{paragraphs}<table><thead><tr>{_cells('th', head)}</tr></thead><tbody>{body}</tbody></table></div>"


def _cells(tag: str, values: Iterable[object]) -> str:
    return "".join(f"<{tag}>{escape(str(value))}</{tag}>" for value in values)
