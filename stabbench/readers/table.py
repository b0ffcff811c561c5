"""Plain tables: CSV and TSV by any delimiter, Parquet, JSON lines, gzipped or not."""

from __future__ import annotations

from stabbench.analysis.results import read_results
from stabbench.errors import UserError
from stabbench.readers.contract import Found, Reader, Source, Wanted, head, with_same
from stabbench.readers.json_table import is_document
from stabbench.tables import DELIMITERS, ENDINGS

_TOLD = (b"PAR1", b"PK\x03\x04")
"""How Parquet begins, and a spreadsheet, of which `stabbench.tables` says what to do about it."""


class Table(Reader):
    """Tables of scores, a row a run, or with --wide a column of scores a task."""

    description = "tables: CSV, TSV (any delimiter), Parquet, JSON lines, also gzipped"
    fallback = True

    def recognises(self, source: Source) -> bool:
        """A file that ends as tables do or has several columns, unless it is a JSON document."""
        if source.is_folder or not source.path.is_file() or is_document(source):
            return False
        first = head(source.path)
        if any(ending.lower() in ENDINGS for ending in source.path.suffixes) or first.startswith(_TOLD):
            return True
        line = first.lstrip(b"\xef\xbb\xbf").partition(b"\n")[0]
        return (
            not first or line.startswith(b"{") or any(mark.encode() in line for mark in DELIMITERS if b"\0" not in line)
        )

    def read(self, source: Source, wanted: Wanted) -> Found:
        """The table as it stands; which column is which, is seen later."""
        if wanted.pattern is not None or wanted.metric is not None:
            raise UserError(
                f"{source.text} is a table: --pattern and --metric are for folders and exports; say with --columns "
                "which column is which (--columns strategy=…,score=…)"
            )
        return Found(with_same(read_results(source.path, wanted.columns), wanted.same))
