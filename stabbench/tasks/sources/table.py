"""A user's own labelled data: a table for training and maybe one for dev, with columns of any name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stabbench.dialect import Dialect
from stabbench.errors import Mistakes, UserError
from stabbench.tables import Table, read
from stabbench.tasks.sources.columns import LabelledColumns
from stabbench.tasks.sources.contract import Labelled, Source, Wanted


@dataclass(frozen=True)
class OwnTables(LabelledColumns):
    """Where the examples are: a file a split, and how it is read where what is inside does not tell."""

    files: Mapping[str, str] = field(default_factory=dict)
    """`train`, and `dev` where there is one."""
    delimiter: str | None = None
    encoding: str | None = None
    quoting: str | None = None

    def __post_init__(self) -> None:
        Dialect(self.delimiter, self.encoding, self.quoting)

    def read(self, name: str, root: Path = Path()) -> Labelled:
        """What the tables hold, for the task `name`.

        UserError naming the task where a file is missing or no table, and as `LabelledColumns.labelled` raises it.
        """
        mistakes = Mistakes()
        tables: dict[str, Table] = {}
        dialect = Dialect(self.delimiter, self.encoding, self.quoting)
        for split, file in self.files.items():
            try:
                tables[split] = read(root / file, self.columns, dialect)
                self.check_columns(tables[split].frame, file)
            except UserError as error:
                mistakes.add(*(f"task {name}: {message}" for message in error.messages))
        mistakes.tell()
        return self.labelled(tables, self.files, Wanted(name, root))


class OwnFiles(Source[OwnTables]):
    """Own files."""

    description = "own tables: CSV, TSV, JSON lines or Parquet, with texts and a label in columns of any name"
    Options = OwnTables

    def read(self, options: OwnTables, wanted: Wanted) -> Labelled:
        """The files' rows without those that are left out."""
        found = options.read(wanted.task, wanted.root)
        return dataclasses.replace(found, origin={"files": dict(options.files), **(found.origin or {})})
