"""A file of scores that anybody's code wrote, read as it stands and not judged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from stabbench.tables import read_table

TEXT = ("model", "task", "strategy", "metric", "status", "failed", "diverged", "collapsed")
"""Columns of a text file that are words, whatever they look like: `1` may be a strategy's name."""


def read_results(path: Path, columns: Mapping[str, str] | None = None) -> pd.DataFrame:
    """As `stabbench.tables.read_table`; `TEXT` are words, by the names that `columns` says the file has for them."""
    return read_table(path, {(columns or {}).get(name, name) for name in TEXT})
