"""Predictions that lie beside a run, in a table of their own."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from stabbench.analysis.predictions import Items, checked
from stabbench.tables import read_table

NAMES = ("predictions.*", "*_predictions.*", "predict_results*.*", "eval_results_*.txt")
"""Of files: a table each, of the columns of `stabbench.analysis.predictions.COLUMNS`."""
ENDINGS = (".csv", ".tsv", ".txt", ".parquet", ".jsonl", ".ndjson", ".gz")


def beside(files: Sequence[Path]) -> tuple[Items | None, str | None]:
    """The predictions in one of a run's own files; or the file that holds some without their labels.

    Raises UserError where a file that should hold them cannot be read.
    """
    unlabelled = None
    for path in sorted(files, key=lambda path: (not path.name.startswith("predictions."), path.name)):
        if path.suffix not in ENDINGS or not any(fnmatch(path.name, name) for name in NAMES):
            continue
        found = checked(read_table(path, ()), str(path))
        if found is not None:
            return found, None
        unlabelled = unlabelled or str(path)
    return None, unlabelled
