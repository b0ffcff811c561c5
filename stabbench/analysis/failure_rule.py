"""Which runs of plain results failed: as a column says, or by what a constant prediction scores; or nobody knows."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stabbench.analysis.results_columns import (
    FALSE,
    LISTED,
    TRUE,
    UNKNOWN,
    Bools,
    Columns,
    Flags,
    Floats,
    listed_faults,
    places,
)
from stabbench.analysis.results_shape import some
from stabbench.errors import UserError, unknown
from stabbench.metrics.contract import LARGEST, MetricKind
from stabbench.records.content import UNJUDGED


@dataclass(frozen=True)
class Baselines:
    """What a constant prediction scores, as far as somebody says so: the scores of runs that learned nothing."""

    scores: Floats
    """In each run's own metric, shape `(rows,)`; NaN where nobody knows."""
    accuracies: Floats
    """Of the accuracy, for the runs whose accuracy is judged instead; NaN for the others."""
    lower: Bools
    """Whether the lower score is the better one, by row."""
    words: str
    """By what runs are judged, as pieces of a list."""
    implied: Mapping[str, float]
    """By metric, where its definition alone says so."""
    assumed: frozenset[str]
    """Tasks on which it was taken to be 0."""


def baselines(
    runs: pd.DataFrame,
    kinds: Mapping[str, MetricKind],
    majority: Mapping[str, float],
    unit: float,
    assumed: Collection[str],
) -> Baselines:
    """What a constant prediction scores in each of the `runs`.

    The first that there is of: the column `majority`; the argument `majority` (by task, in the unit of the scores),
    which is set against the accuracy, in runs without one against the score; what the metric's definition says; 0 for
    the tasks in `assumed`. `runs` has the columns task, metric (both categories), score, accuracy and majority.

    Raises UserError where the argument names tasks that there are not, or is out of range.
    """
    if not majority and not assumed and all(kind.trivial is None and not kind.lower for kind in kinds.values()):
        scores = runs["majority"].to_numpy(dtype=np.float64)  # what is usual for a million rows costs them nothing
        return Baselines(scores, np.broadcast_to(math.nan, len(runs)), np.zeros(len(runs), bool), "", {}, frozenset())
    task_codes, tasks = runs["task"].cat.codes.to_numpy(), [str(name) for name in runs["task"].cat.categories]
    codes, metrics = runs["metric"].cat.codes.to_numpy(), [str(name) for name in runs["metric"].cat.categories]
    score, accuracy = (runs[name].to_numpy(dtype=np.float64) for name in ("score", "accuracy"))
    _check_tasks(majority, tasks)
    with_accuracy = np.bincount(task_codes, weights=~np.isnan(accuracy), minlength=len(tasks)) > 0
    given, words = np.full(len(tasks), math.nan), []
    for task, value in majority.items():
        place = tasks.index(task)
        kind = kinds[metrics[codes[(task_codes == place).argmax()]]]
        divisor = unit if kind.fraction or with_accuracy[place] else 1.0
        if not abs(value) <= LARGEST or ((kind.fraction or with_accuracy[place]) and abs(value) > divisor):
            raise UserError(f"--majority {task} is {value:g}, expected it in the unit of the scores")
        given[place] = value / divisor
        judged = "accuracy" if with_accuracy[place] else "score"
        words.append(f"{task}: {judged} {'at least' if kind.lower and judged == 'score' else 'at most'} {value:.10g}")
    argument = given[task_codes]
    by_accuracy = ~np.isnan(argument) & ~np.isnan(accuracy)
    trivial = [kinds[name].trivial for name in metrics]
    by_metric = np.array([math.nan if value is None else value for value in trivial])[codes]
    column = runs["majority"].to_numpy(dtype=np.float64)
    taken = [name for place, name in enumerate(tasks) if name in assumed and math.isnan(given[place])]
    scores = column.copy()
    for values in (
        np.where(by_accuracy & (accuracy != score), math.nan, argument),
        np.where(by_accuracy, math.nan, by_metric),
        np.array([0.0 if name in taken else math.nan for name in tasks])[task_codes],
    ):
        unknown_yet = np.isnan(scores)
        if not unknown_yet.any():
            break
        scores[unknown_yet] = values[unknown_yet]
    alone = np.isnan(argument) & np.isnan(column) & ~np.isnan(by_metric)
    implied = {metrics[code]: float(kinds[metrics[code]].trivial or 0) for code in np.unique(codes[alone])}
    words = [*words[:LISTED], *([f"and {len(words) - LISTED} tasks more"] if len(words) > LISTED else [])]
    words += [f"{name}: score at most {value:g}" for name, value in implied.items()]
    words += [f"{some(sorted(taken))}: score at most 0"] if taken else []
    lower = np.array([kinds[name].lower for name in metrics])[codes]
    accuracies = np.where(by_accuracy, argument, math.nan)
    return Baselines(scores, accuracies, lower, "; ".join(words), implied, frozenset(taken))


def _check_tasks(majority: Mapping[str, float], tasks: Collection[str]) -> None:
    strange = [task for task in majority if task not in tasks]
    if len(strange) == 1:
        raise unknown("task of --majority", strange[0], tasks)
    if strange:
        raise UserError(listed_faults("--majority names tasks that there are not", strange, len(strange)))


def failed_runs_of(
    columns: Columns,
    runs: pd.DataFrame,
    status: pd.Series | None,
    missing: Bools,
    without: Bools,
    known: Baselines,
    majority: Mapping[str, float],
) -> tuple[Flags, str]:
    """Which runs failed, shape `(rows,)`, and the rule in words, as the end of a sentence; empty where there is none.

    The first that there is of: the column `failed`; `status`; the baselines `known`, which are set against the accuracy
    where there is one for it, else against the score. Runs `without` a score failed; `missing` ones are neither. A
    column `status` that says of no run whether it failed is handed over as None.

    Raises UserError where a column knows it for a part of a task only, or the argument says what a column says.
    """
    judging = [name for name in ("failed", "status", "majority") if name != "status" or status is not None]
    said = next((name for name in judging if name in columns), None)
    if said and majority and not (said != "majority" and without.any()):
        raise UserError(
            f"{columns.source}: its column '{said}' says which runs failed: leave --majority (majority=…) out, or the "
            "column"
        )
    if said == "failed":
        flags = columns.flags("failed")
        _check_whole(columns, runs, "failed", (flags == UNKNOWN) & ~missing & ~without, missing | without)
        words = "which the column 'failed' marks"
    elif status is not None:
        failed = np.where(status.isin(["failed", "diverged"]), TRUE, FALSE)
        flags = np.where(status == UNJUDGED, UNKNOWN, failed).astype(np.int8)
        words = "whose column 'status' says failed or diverged"
    elif said is None and not known.words:
        flags, words = np.full(len(runs), UNKNOWN, np.int8), ""
    else:
        flags = _by_baselines(columns, runs, without, known, majority)
        words = "whose score is no better than that of a constant prediction" if said else ""
        words = f"that are no better than a constant prediction ({known.words})" if known.words and not said else words
    if without.any():
        flags = np.where(without, TRUE, flags).astype(np.int8)
        words = f"{words}, and those without a score" if words else "without a score"
    return flags, words


def _by_baselines(
    columns: Columns, runs: pd.DataFrame, without: Bools, known: Baselines, majority: Mapping[str, float]
) -> Flags:
    score, accuracy = (runs[name].to_numpy(dtype=np.float64) for name in ("score", "accuracy"))
    by_accuracy = ~np.isnan(known.accuracies)
    if by_accuracy.any():
        gaps = np.isnan(accuracy) & runs["task"].isin(list(majority)).to_numpy() & ~without
        _check_whole(columns, runs, "accuracy", gaps, without)
    no_better = np.where(known.lower, score >= known.scores, score <= known.scores)
    no_better = np.where(by_accuracy, accuracy <= known.accuracies, no_better)
    known_of = ~np.isnan(score) & (by_accuracy | ~np.isnan(known.scores))
    return np.where(known_of, np.where(no_better, TRUE, FALSE), UNKNOWN).astype(np.int8)


def _check_whole(columns: Columns, runs: pd.DataFrame, name: str, gaps: Bools, aside: Bools) -> None:
    """UserError where a column is filled in some rows of a model and task and not in others; `aside` are neither."""
    if not gaps.any():
        return
    place = places(runs)
    filled = np.bincount(place, weights=~gaps & ~aside) > 0
    wrong = gaps & filled[place]
    if wrong.any():
        raise columns.faults(wrong, name, f"it as in other runs of this task (or no {name} in all of them)")
