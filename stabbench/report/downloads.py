"""Data that the page carries within itself: tables as CSV, in links that need no file."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from stabbench.report.section import Data

LARGEST = 200_000
"""Characters; a table that is longer stays a file beside the page."""


@dataclass(frozen=True)
class Download:
    """A link: what the file is called and where its content is."""

    name: str
    href: str


def download(data: Data) -> Download | None:
    """A link with the table in it; to its file beside the page where it is too long, None where it has none."""
    file = Download(f"{data.name}.csv", data.file) if data.file else None
    if data.table.size > LARGEST:  # a character a number at the least
        return file
    text = data.table.to_csv(index=False, float_format=f"%.{data.digits}g", lineterminator="\n")
    if len(text) > LARGEST:
        return file
    return Download(f"{data.name}.csv", "data:text/csv;charset=utf-8," + quote(text, safe=" ,:;()[]+=.-_!*'@$"))
