"""CSV exports of experiment trackers: W&B's table of runs, and what Trackio's dashboard saves of a plot."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence

import pandas as pd
from pandas.api import types

from stabbench.analysis.results import read_results
from stabbench.analysis.results_shape import OPTIONAL, REQUIRED
from stabbench.errors import UserError
from stabbench.metrics.kinds import metric_kind
from stabbench.readers.contract import Found, Reader, Run, Source, Value, Wanted, head
from stabbench.readers.runs import table_of

_WANDB_OWN = ("Notes", "User", "Tags", "Created", "Runtime", "Sweep", "Hostname", "ID", "Updated", "End Time")
_DONE = "finished"


class WandbExport(Reader):
    """The table of runs that W&B's web page exports as CSV: a row a run, its config and its summary as columns."""

    description = "W&B's table of runs, exported as CSV from its page (columns Name, State, …; as of 2026)"

    def recognises(self, source: Source) -> bool:
        """A file whose header has Name, State and another of W&B's own columns."""
        names = header(source)
        return {"Name", "State"} <= set(names) and any(name in names for name in _WANDB_OWN)

    def read(self, source: Source, wanted: Wanted) -> Found:
        """A run a row, whose name a pattern may match; runs that are not `finished` have no score."""
        table = read_results(source.path, {"strategy": "Name", "status": "State", **wanted.columns})
        aside = {"Name", "State", *(name for name in _WANDB_OWN if name not in wanted.columns.values())}
        metrics = metric_columns(table, [str(name) for name in table if name not in aside], wanted)
        facts = [name for name in table if name not in (*aside, *metrics)]
        runs = []
        for row in table.to_dict("records"):
            scores = {str(name): number(row[name]) for name in metrics}
            known = {str(name): _value(row[name]) for name in facts}
            named: dict[str, Value] = {"Name": str(row["Name"])}
            done = str(row["State"]).strip().lower() == _DONE
            runs.append(Run(str(row["Name"]), scores, {**known, **named}, finished=done))
        return table_of(runs, source.text, wanted)


class TrackioExport(Reader):
    """What the dashboard of Trackio saves of a plot as CSV: a metric of several runs, at every step or once."""

    description = (
        "a plot of Trackio's dashboard, saved as CSV (columns run and a metric, with or without steps; Trackio 0.43)"
    )

    def recognises(self, source: Source) -> bool:
        """A header of `run` and a metric, or of steps, a metric, (`series_key`) and `run`."""
        names = header(source)
        if names[:1] == ["run"]:
            return len(names) == 2
        return "run" in names and len([name for name in names if name != "series_key"]) == 3 and names[-1] == "run"

    def read(self, source: Source, wanted: Wanted) -> Found:
        """A run a line or a name, with its last value; names are taken from its name by --pattern."""
        table = read_results(source.path, {"strategy": "run"})
        names = [str(name) for name in table if name not in ("run", "series_key")]
        axis, metric = names[0], names[-1]
        if metric != axis:
            table = table.dropna(subset=[metric]).sort_values(axis, kind="stable")
        keys = ["series_key", "run"] if "series_key" in table else ["run"]
        runs = [
            Run(str(rows["run"].iloc[-1]), {str(metric): number(rows[metric].iloc[-1])})
            for _, rows in table.groupby(keys, sort=False)
        ]
        return table_of(runs, source.text, wanted)


def header(source: Source) -> Sequence[str]:
    """The names of the columns of a CSV file; empty for everything else."""
    if source.is_folder or not source.path.is_file():
        return []
    first, _, _ = head(source.path).removeprefix(b"\xef\xbb\xbf").partition(b"\n")
    try:
        return next(csv.reader([first.decode("utf-8").strip()]), [])
    except (UnicodeDecodeError, csv.Error):
        return []


def metric_columns(table: pd.DataFrame, names: Sequence[str], wanted: Wanted) -> list[str]:
    """The columns of numbers that are metrics by their names, and the one that is asked for."""
    if wanted.metric is not None and wanted.metric in names:
        if not _numeric(table[wanted.metric]):
            raise UserError(f"--metric {wanted.metric}: this column holds no numbers")
        return [wanted.metric]
    roles = {*REQUIRED, *OPTIONAL, *wanted.columns.values()} - {"accuracy"}
    return [name for name in names if name not in roles and metric_kind(name).known and _numeric(table[name])]


def number(value: object) -> float:
    """A cell as a number; NaN where there is none."""
    try:
        return float(str(value))
    except ValueError:
        return math.nan


def _numeric(column: pd.Series) -> bool:
    if types.is_numeric_dtype(column):
        return not types.is_bool_dtype(column)
    return bool(pd.to_numeric(column.replace("NaN", None), errors="coerce").notna().any())


def _value(value: object) -> Value:
    return None if value is None or (isinstance(value, float) and math.isnan(value)) else value  # type: ignore[return-value]
