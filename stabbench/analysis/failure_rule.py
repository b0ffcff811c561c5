"""Which runs of plain results failed: as a column says, or by the majority classifier; or nobody knows."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from stabbench.analysis.frame import MISSING, UNJUDGED, ordered
from stabbench.analysis.results_columns import FALSE, TRUE, UNKNOWN, Bools, Columns, Flags, Floats, places
from stabbench.errors import UserError, unknown


def failed_runs_of(
    columns: Columns, runs: pd.DataFrame, status: pd.Series | None, majority: Mapping[str, float], unit: float
) -> tuple[Flags, str]:
    """Which runs failed, shape `(rows,)`, and the rule in words, as the end of a sentence; empty where there is none.

    The first that there is of: the column `failed`; `status`; the column `majority`, which is set against the score;
    the argument `majority` (by task, over `unit`), which is set against the accuracy, or in tasks that have none
    against the score; for these its values are put into the runs' column `majority`.

    Raises UserError where a column knows it for a part of a task only, or the argument says what a column says.
    """
    said = next((name for name in ("failed", "status", "majority") if name in columns), None)
    if said and majority:
        raise UserError(
            f"{columns.source}: its column '{said}' says which runs failed: leave --majority (majority=…) out, or the "
            "column"
        )
    missing = np.zeros(len(runs), bool) if status is None else (status == MISSING).to_numpy(dtype=bool)
    if said == "failed":
        flags = columns.flags("failed")
        _check_whole(columns, runs, "failed", (flags == UNKNOWN) & ~missing, missing)
        return flags, "which the column 'failed' marks"
    if status is not None:
        failed = np.where(status.isin(["failed", "diverged"]), TRUE, FALSE)
        return np.where(status == UNJUDGED, UNKNOWN, failed).astype(np.int8), (
            "whose column 'status' says failed or diverged"
        )
    if said == "majority":
        return _at_most(_numbers(runs, "score"), _numbers(runs, "majority")), (
            "whose score is at most the majority classifier's"
        )
    return _by_majority(columns, runs, {task: value / unit for task, value in majority.items()}, unit)


def _by_majority(columns: Columns, runs: pd.DataFrame, majority: Mapping[str, float], unit: float) -> tuple[Flags, str]:
    tasks = ordered(runs["task"])
    for task, value in majority.items():
        if task not in tasks:
            raise unknown("task of --majority", task, tasks)
        if not math.isfinite(value) or abs(value) > 1:
            raise UserError(f"--majority {task} is {value * unit:g}, expected it in the unit of the scores")
    if not majority:
        return np.full(len(runs), UNKNOWN, np.int8), ""
    score, accuracy = _numbers(runs, "score"), _numbers(runs, "accuracy")
    baseline: Floats = np.asarray(runs["task"].map(majority), dtype=np.float64)
    gaps = np.isnan(accuracy) & ~np.isnan(baseline)
    _check_whole(columns, runs, "accuracy", gaps, np.zeros(len(runs), bool))
    runs["majority"] = np.where(np.isnan(accuracy) | (accuracy == score), baseline, np.nan)
    by_score = set(runs.loc[gaps, "task"])
    words = [
        f"{task}: {'score' if task in by_score else 'accuracy'} at most {value * unit:.10g}"
        for task, value in majority.items()
    ]
    judged = accuracy.copy()
    judged[gaps] = score[gaps]
    return _at_most(judged, baseline), (f"that are no better than the majority classifier ({'; '.join(words)})")


def _at_most(scores: Floats, baseline: Floats) -> Flags:
    known = ~np.isnan(scores) & ~np.isnan(baseline)
    return np.where(known, np.where(scores <= baseline, TRUE, FALSE), UNKNOWN).astype(np.int8)


def _check_whole(columns: Columns, runs: pd.DataFrame, name: str, gaps: Bools, aside: Bools) -> None:
    """UserError where a column is filled in some rows of a model and task and not in others; `aside` are neither."""
    place = places(runs)
    filled = np.bincount(place, weights=~gaps & ~aside) > 0
    wrong = gaps & filled[place]
    if wrong.any():
        raise columns.fault(
            int(wrong.argmax()), name, f"it as in other runs of this task (or no {name} in all of them)"
        )


def _numbers(runs: pd.DataFrame, name: str) -> Floats:
    return runs[name].to_numpy(dtype=np.float64)
