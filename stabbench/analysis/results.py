"""Plain results, a row a run, as anybody's code may have written them: checked, and made a frame of runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stabbench.analysis import predictions, results_notes
from stabbench.analysis.failure_rule import baselines, failed_runs_of
from stabbench.analysis.frame import CELL, COLUMNS, MISSING, REPORTED, SELECTION
from stabbench.analysis.predictions import Items, Judged, Predictions
from stabbench.analysis.results_columns import FALSE, TRUE, UNKNOWN, Bools, Columns, Flags, listed_faults, places
from stabbench.analysis.results_notes import UNNAMED_METRIC
from stabbench.analysis.results_scores import NAN, NO_BASELINE, Scores, known_failed
from stabbench.analysis.results_shape import OPTIONAL, REQUIRED, shaped, some
from stabbench.errors import UserError, unknown
from stabbench.records.content import UNJUDGED
from stabbench.tables import read_table

UNNAMED_MODEL = "the model"
TEXT = ("model", "task", "strategy", "metric", "status", "failed", "diverged", "collapsed")
"""Columns of a text file that are words, whatever they look like: `1` may be a strategy's name."""
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
    lower: frozenset[str]
    """The metrics of which the lower score is the better one."""
    notes: Sequence[str]
    """What was taken for granted, a sentence each."""
    predictions: Predictions = field(default_factory=dict)
    """What its runs predicted for each example, of those that say it."""


def read_results(path: Path, columns: Mapping[str, str] | None = None) -> pd.DataFrame:
    """A file of scores as it stands (`stabbench.tables.read_table`).

    `TEXT` are words, by the names that `columns` says the file has for them.
    """
    return read_table(path, {(columns or {}).get(name, name) for name in TEXT})


def runs_of(
    results: pd.DataFrame,
    *,
    majority: Mapping[str, float] | None = None,
    percent: bool = False,
    columns: Mapping[str, str] | None = None,
    wide: Sequence[str] | None = None,
    nan: str = "error",
    lower_is_better: Collection[str] = (),
    higher_is_better: Collection[str] = (),
    items: Sequence[Items | None] | pd.DataFrame = (),
    source: str = "results",
) -> Results:
    """Check plain results and make a frame of runs of them.

    Columns `strategy`, `task`, `seed` (a whole number) and `score`; where they are there also `model`, `metric`,
    `accuracy`, `majority` (the best constant classifier's score), `failed`, `diverged`, `collapsed` (true or false),
    `status` (as `stabbench report` writes it; a `missing` run was planned and has no score), `reported` (which weights
    were scored, in words: cells that differ there are warned of) and `result_digest`. Other columns are left out.
    `columns` and `wide` say where tables call them otherwise (`results_shape.shaped`).

    Scores are fractions, with `percent` per cent; those of unbounded metrics (losses) are as they stand. Which way is
    better a metric's name says (`metric_kinds`), or `lower_is_better` and `higher_is_better`; else the higher is.

    Whether a run failed is what the column `failed` says, else the column `status`; else a run failed that is no better
    than a constant prediction (`failure_rule.baselines`): by the column `majority`, by the task's value in `majority`,
    which is set against the accuracy where there is one, or by the metric's definition. A task without any of these
    has runs of which it is not known. A run that is known to have failed needs no score; `nan` says what the others are
    that have none: an `error`, `failed`, or `missing`. A failed run without a score counts with a constant prediction's
    (that of a score without a metric's name is taken to be 0, a correlation's).

    `items` are the predictions of each row's run for each example (`predictions.checked`), or one table of those of
    all runs (`predictions.of_table`). Where classes are predicted, and nothing else says which runs failed, they do: a
    run is no better than a constant prediction whose accuracy is at most the share of the most frequent label.

    Raises UserError naming the rows (counted from 1, a header is none), the runs and the column at fault.
    """
    if nan not in NAN:
        raise unknown("choice of --nan (nan=…)", nan, NAN)
    both = sorted(set(lower_is_better) & set(higher_is_better))
    if both:
        raise UserError(f"the metric {both[0]} is said to be better both where lower and where higher, expected one")
    form = shaped(results, source, columns, wide)
    table = Columns(form.table, source, form.rows)
    rows = len(form.table)
    status = table.choices("status", STATUSES) if "status" in table else None
    nobody_said = np.full(rows, UNKNOWN, np.int8)
    diverged = nobody_said if status is None else np.where(status == "diverged", TRUE, FALSE).astype(np.int8)
    diverged = table.flags("diverged") if "diverged" in table else diverged
    missing = np.zeros(rows, bool) if status is None else (status == MISSING).to_numpy(dtype=bool)
    runs = pd.DataFrame(
        {
            "model": table.names("model") if "model" in table else _constant(UNNAMED_MODEL, rows),
            "task": table.names("task"),
            "strategy": table.names("strategy"),
            "seed": table.whole_numbers("seed"),
            "metric": table.names("metric") if "metric" in table else _constant(UNNAMED_METRIC, rows),
        }
    )
    each = predictions.of_table(items, runs) if isinstance(items, pd.DataFrame) else items
    scores = Scores(table, runs["metric"], lower_is_better, higher_is_better, percent)
    runs["score"], without, missing = scores.read(known_failed(table, status, diverged), missing, nan)
    runs["accuracy"], runs["majority"] = scores.accuracy(), scores.majority()
    _check(table, runs)
    judging = None if status is None or set(status.unique()) <= {MISSING, UNJUDGED} else status
    told = "failed" in table or judging is not None
    counted = _counted(runs, each, missing, scores) if any(item is not None for item in each) else None
    majority = dict(majority or {})
    shares = {} if counted is None or told or "majority" in table else counted.majority
    shares = {task: share * scores.unit for task, share in shares.items() if task not in majority}
    majority |= shares
    unnamed = set(runs.loc[without, "task"].unique()) if without.any() and "metric" not in table else set()
    known = baselines(runs, scores.kinds, majority, scores.unit, {str(task) for task in unnamed})
    failed, words = failed_runs_of(table, runs, judging, missing, without, known, majority)
    if without.any() or not told:
        runs["majority"] = known.scores
    if without.any():
        if np.isnan(known.scores[without]).any():
            raise table.faults(without & np.isnan(known.scores), "score", NO_BASELINE)
        runs["score"] = np.where(without, known.scores, runs["score"])
    runs["status"] = _statuses(missing, failed, diverged)
    collapsed = nobody_said if counted is None else counted.collapsed
    collapsed = table.flags("collapsed") if "collapsed" in table else collapsed
    for name, flags in (("failed", failed), ("diverged", diverged), ("collapsed", collapsed)):
        runs[name] = _column(np.where(missing, FALSE, flags))
    if REPORTED in table:
        runs[REPORTED] = form.table[REPORTED].fillna("").astype(str).to_numpy()
    if "result_digest" in table:
        runs["result_digest"] = form.table["result_digest"].fillna("").astype(str).to_numpy()
    planned = 0 if status is None else int((status == MISSING).sum())
    notes = [
        *results_notes.on_scores(scores, runs),
        *results_notes.on_failures(
            {} if told else known.implied, int(without.sum()), int(missing.sum()) - planned, known.assumed
        ),
        *results_notes.on_predictions(shares),
        *results_notes.on_columns(table, form.notes),
    ]
    lower = frozenset(name for name, kind in scores.kinds.items() if kind.lower)
    return Results(_whole(runs), words, lower, notes, predictions.by_seed(runs, each) if counted is not None else {})


def _counted(runs: pd.DataFrame, items: Sequence[Items | None], missing: Bools, scores: Scores) -> Judged:
    """What predicted classes say of the runs; fills in accuracies that nobody gives.

    Tasks whose metric's own definition says what a constant prediction scores are judged by that.
    """
    found = predictions.judged(runs, items, missing)
    runs["accuracy"] = np.where(np.isnan(runs["accuracy"]), found.accuracies, runs["accuracy"])
    defined = {name for name, kind in scores.kinds.items() if kind.trivial is not None}
    others = set(runs.loc[~runs["metric"].isin(defined), "task"].astype(str))
    return replace(found, majority={task: share for task, share in found.majority.items() if task in others})


def _whole(runs: pd.DataFrame) -> pd.DataFrame:
    rows = len(runs)
    nothing: dict[str, Any] = {
        "str": _constant("", rows),
        "bool": pd.array([pd.NA], dtype="boolean").repeat(rows),
        "Int64": pd.array([pd.NA], dtype="Int64").repeat(rows),
        "float64": np.nan,
    }
    rest = {name: nothing[kind] for name, kind in COLUMNS.items() if name not in runs}
    return runs.assign(**rest)[[*COLUMNS, *(name for name in SELECTION if name in runs)]]


def _check(columns: Columns, runs: pd.DataFrame) -> None:
    """One row a run; one metric and one best constant classifier a model and task."""
    again = runs.duplicated([*CELL, "seed"]).to_numpy()
    if again.any():
        raise _repeated(columns, runs, again)
    place = places(runs)
    for name in [name for name in ("metric", "majority") if name in columns]:
        values = runs[name].cat.codes if name == "metric" else runs[name]
        other = ((values != values.groupby(place).transform("first")) & values.notna()).to_numpy(dtype=bool)
        if other.any():
            raise columns.faults(other, name, f"one {name} for all runs of a model and task, as in the rows before")


def _repeated(columns: Columns, runs: pd.DataFrame, again: Bools) -> UserError:
    """The error for rows of runs that stand in the table already: where, with which score, what tells them apart."""
    group = runs.groupby([*CELL, "seed"], sort=False, observed=True).ngroup().to_numpy()
    _, first = np.unique(group, return_index=True)
    earlier, rows = first[group], np.flatnonzero(again)
    score = runs["score"].to_numpy()
    hint = "the scores differ: is one seed used for two runs?"
    if (score[rows] == score[earlier[rows]]).all():
        hint = "with the same score: are rows there twice?"
    differ = [
        str(name)
        for name, column in columns.table.items()
        if str(name) not in (*REQUIRED, *OPTIONAL)
        and (column.to_numpy()[rows] != column.to_numpy()[earlier[rows]]).any()
    ]
    if differ:
        hint = f"they differ in {some(differ)}: keep one of them, or make that part of the strategy's name"
    if rows.size == 1:
        row, before = int(rows[0]), columns.row_number(int(earlier[rows[0]]))
        return UserError(f"{columns.place(row)}: this run stands in {before} already, expected it once; {hint}")
    found = (
        f"{columns.row(row)}, score {score[row]:g}: as {columns.row_number(int(earlier[row]))}, {score[earlier[row]]:g}"
        for row in rows.tolist()
    )
    head = f"{columns.source}: {rows.size} rows hold a run that stands in an earlier one, expected each once; {hint}"
    return UserError(listed_faults(head, found, rows.size))


def _statuses(missing: Bools, failed: Flags, diverged: Flags) -> pd.Series:
    chosen = np.select([missing, failed == UNKNOWN, failed == FALSE, diverged == TRUE], [3, 4, 0, 2], default=1)
    return pd.Series(pd.Categorical.from_codes(chosen, categories=pd.Index(STATUSES)))


def _constant(word: str, rows: int) -> pd.Series:
    return pd.Series(pd.Categorical.from_codes(np.zeros(rows, np.int8), categories=pd.Index([word])))


def _column(flags: Flags) -> pd.Series:
    if (flags != UNKNOWN).all():
        return pd.Series(flags == TRUE)
    return pd.Series(pd.arrays.BooleanArray(flags == TRUE, flags == UNKNOWN))
