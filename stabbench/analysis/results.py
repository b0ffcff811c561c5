"""Plain results, a row a run, as anybody's code may have written them: checked, and made a frame of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from stabbench.analysis.failure_rule import failed_runs_of
from stabbench.analysis.frame import CELL, COLUMNS, MISSING, UNJUDGED
from stabbench.analysis.results_columns import FALSE, TRUE, UNKNOWN, Bools, Columns, Flags, places
from stabbench.errors import UserError

REQUIRED = ("strategy", "task", "seed", "score")
OPTIONAL = ("model", "metric", "status", "accuracy", "majority", "failed", "diverged", "collapsed")
UNNAMED_MODEL = "the model"
UNNAMED_METRIC = "score"
STATUSES = ("ok", "failed", "diverged", MISSING, UNJUDGED)


@dataclass(frozen=True)
class Results:
    """Runs that somebody else's code made."""

    runs: pd.DataFrame
    """A frame as `stabbench.analysis.frame` makes it, a row a run in the given order; scores are fractions, names
    categories. `failed`, `diverged` and `collapsed` are NA where it is not known, and without `failed` the status is
    `unjudged`. What a list of scores does not tell is NaN or empty."""
    failed: str
    """Which runs count as failed: a sentence's end; empty where it is known of none."""
    notes: Sequence[str]
    """What was taken for granted, a sentence each."""


def runs_of(
    results: pd.DataFrame,
    *,
    majority: Mapping[str, float] | None = None,
    percent: bool = False,
    source: str = "results",
) -> Results:
    """Check plain results and make a frame of runs of them.

    Columns `strategy`, `task`, `seed` (a whole number) and `score` (a fraction, with `percent` per cent; the higher the
    better); where they are there also `model`, `metric`, `accuracy`, `majority` (the majority classifier's score),
    `failed`, `diverged`, `collapsed` (true or false) and `status` (as `stabbench report` writes it; a `missing` run was
    planned and has no score). Other columns are left out.

    Whether a run failed is what the column `failed` says, else the column `status`; else a run failed whose accuracy
    (in a task without: score) is at most the task's in `majority`, or whose score is at most the column `majority`'s.
    A task without any of these has runs of which it is not known.

    Raises UserError naming the row (counted from 1, a header is none), the run and the column at fault.
    """
    columns = Columns(results, source, REQUIRED)
    unit = 100.0 if percent else 1.0
    rows = len(results)
    status = columns.choices("status", STATUSES) if "status" in columns else None
    missing = np.zeros(rows, bool) if status is None else (status == MISSING).to_numpy(dtype=bool)
    gaps_in = {"score": missing, "accuracy": np.ones(rows, bool), "majority": np.ones(rows, bool)}
    runs = pd.DataFrame(
        {
            "model": columns.names("model") if "model" in columns else _constant(UNNAMED_MODEL, rows),
            "task": columns.names("task"),
            "strategy": columns.names("strategy"),
            "seed": columns.whole_numbers("seed"),
            "metric": columns.names("metric") if "metric" in columns else _constant(UNNAMED_METRIC, rows),
            **{name: columns.scores(name, unit, gaps) if name in columns else np.nan for name, gaps in gaps_in.items()},
        }
    )
    _check(columns, runs)
    failed, words = failed_runs_of(columns, runs, status, majority or {}, unit)
    nobody_said = np.full(rows, UNKNOWN, np.int8)
    diverged = nobody_said if status is None else np.where(status == "diverged", TRUE, FALSE)
    diverged = columns.flags("diverged") if "diverged" in columns else diverged
    collapsed = columns.flags("collapsed") if "collapsed" in columns else nobody_said
    runs["status"] = _statuses(missing, failed, diverged)
    for name, flags in (("failed", failed), ("diverged", diverged), ("collapsed", collapsed)):
        runs[name] = _column(np.where(missing, FALSE, flags))
    return Results(_whole(runs), words, _notes(columns, runs, percent))


def _whole(runs: pd.DataFrame) -> pd.DataFrame:
    rows = len(runs)
    nothing: dict[str, Any] = {
        "str": _constant("", rows),
        "bool": pd.array([pd.NA], dtype="boolean").repeat(rows),
        "Int64": pd.array([pd.NA], dtype="Int64").repeat(rows),
        "float64": np.nan,
    }
    rest = {name: nothing[kind] for name, kind in COLUMNS.items() if name not in runs}
    return runs.assign(**rest)[list(COLUMNS)]


def _check(columns: Columns, runs: pd.DataFrame) -> None:
    """One row a run; one metric and one majority classifier a model and task."""
    again = runs.duplicated([*CELL, "seed"]).to_numpy()
    if again.any():
        row = int(again.argmax())
        first = (runs[[*CELL, "seed"]] == runs[[*CELL, "seed"]].iloc[row]).all(axis=1).to_numpy().argmax()
        raise UserError(f"{columns.place(row)}: this run stands in data row {first + 1} already, expected it once")
    place = places(runs)
    for name in [name for name in ("metric", "majority") if name in columns]:
        values = runs[name].cat.codes if name == "metric" else runs[name]
        other = ((values != values.groupby(place).transform("first")) & values.notna()).to_numpy(dtype=bool)
        if other.any():
            row = int(other.argmax())
            raise columns.fault(row, name, f"one {name} for all runs of a model and task, as in the rows before")


def _statuses(missing: Bools, failed: Flags, diverged: Flags) -> pd.Series:
    chosen = np.select([missing, failed == UNKNOWN, failed == FALSE, diverged == TRUE], [3, 4, 0, 2], default=1)
    return pd.Series(pd.Categorical.from_codes(chosen, categories=pd.Index(STATUSES)))


def _constant(word: str, rows: int) -> pd.Series:
    return pd.Series(pd.Categorical.from_codes(np.zeros(rows, np.int8), categories=pd.Index([word])))


def _column(flags: Flags) -> pd.Series:
    if (flags != UNKNOWN).all():
        return pd.Series(flags == TRUE)
    return pd.Series(pd.arrays.BooleanArray(flags == TRUE, flags == UNKNOWN))


def _notes(columns: Columns, runs: pd.DataFrame, percent: bool) -> list[str]:
    notes = [f"Scores were read as {'per cent' if percent else 'fractions'}, the higher the better."]
    if percent and runs["score"].abs().max() <= 0.01:
        notes.append("No score is above 1 per cent: if they are fractions, leave --percent (percent=True) out.")
    if "model" not in columns:
        notes.append("There is no column model: all runs were taken for those of one model.")
    unused = [str(name) for name in columns.table if name not in (*REQUIRED, *OPTIONAL, *COLUMNS)]
    if unused:
        notes.append(f"Columns that were not used: {', '.join(unused)}.")
    return notes
