"""What `stabbench publish` wrote: a folder with data/runs.parquet, or a copy of it from an archive."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from stabbench.analysis.frame import COLUMNS, SELECTION
from stabbench.analysis.predictions import checked
from stabbench.errors import UserError
from stabbench.readers.contract import Found, Reader, Source, Wanted, with_same

RUNS, PREDICTIONS = "data/runs.parquet", "data/predictions.parquet"
"""Where the tables lie in the folder."""
MARK, VERSION = b"stabbench.runs", b"1"
"""In the own metadata of the table of runs: what it is, and of which version."""
_RUN = ["model", "task", "strategy", "seed"]


class Published(Reader):
    """Published runs with their scores, and with the predictions that lie beside them."""

    description = "what `stabbench publish` wrote: a folder with data/runs.parquet"

    def recognises(self, source: Source) -> bool:
        """A folder with the marked table."""
        try:
            return source.is_folder and MARK in (pyarrow.parquet.read_schema(source.path / RUNS).metadata or {})
        except (OSError, pa.ArrowException):
            return False

    def read(self, source: Source, wanted: Wanted) -> Found:
        """The runs as the report had them; which way a metric is better is said there."""
        if wanted.pattern is not None or wanted.metric is not None:
            raise UserError(f"{source.text} is a published table, which says its runs' names and scores: leave out "
                            "--pattern and --metric")  # fmt: skip
        runs = _table(source.path / RUNS)
        lacking = [name for name in (*COLUMNS, "lower_is_better") if name not in runs]
        if lacking:
            raise UserError(f"{source.path / RUNS}: there is no column {lacking[0]}, expected what was published")
        lower = frozenset(runs.loc[runs["lower_is_better"], "metric"])
        higher = frozenset(runs["metric"]) - lower
        told = [*COLUMNS, *(name for name in SELECTION if name in runs)]
        return Found(with_same(runs[told], wanted.same), _items(source.path, runs), (), lower, higher)


def _items(folder: Path, runs: pd.DataFrame) -> list[pd.DataFrame | None] | tuple[()]:
    """Each run's predictions, where there is a table of them."""
    if not (folder / PREDICTIONS).is_file():
        return ()
    table = _table(folder / PREDICTIONS)
    parts = {key: rows.drop(columns=_RUN) for key, rows in table.groupby(_RUN, sort=False)}
    keys = runs[_RUN].itertuples(index=False, name=None)
    return [None if key not in parts else checked(parts[key], str(folder / PREDICTIONS)) for key in keys]


def _table(path: Path) -> pd.DataFrame:
    try:
        found: pd.DataFrame = pyarrow.parquet.read_table(path).to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{path}: not readable as Parquet: {error}") from error
    return found
