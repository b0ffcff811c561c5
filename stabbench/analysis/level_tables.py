"""The level over tasks of every strategy and of every pair: the tables of `stabbench.analysis.level_over_tasks`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from functools import partial

import numpy as np
import pandas as pd

from stabbench.analysis.frame import ordered, scores_by_cell
from stabbench.analysis.level_over_tasks import Estimate, Resamples, improvement, interquartile_mean
from stabbench.analysis.scoring import Scoring
from stabbench.analysis.spread import Array, ascending
from stabbench.processes import parallel_map

LEVEL_COLUMNS = ["model", "strategy", "tasks", "n", "iqm", "iqm_low", "iqm_high"]
IMPROVEMENT_COLUMNS = ["improvement", "improvement_low", "improvement_high"]
RESAMPLED_SCORES = 50_000
"""Scores of all strategies together above which interquartile means have asymptotic intervals."""
RESAMPLED_PAIRS = 10_000_000
"""Pairs of runs of all comparisons together above which probabilities of improvement have asymptotic intervals."""
_PAIRS_AT_ONCE = 100
_UNKNOWN = (math.nan, math.nan, math.nan)
ByTask = Mapping[str, Array]


def levels(runs: pd.DataFrame, scoring: Scoring) -> pd.DataFrame:
    """One row a strategy of a model with the columns `LEVEL_COLUMNS`: its interquartile mean over tasks.

    Over the tasks on which all strategies of the model have finished runs with scores, two at least; `n` is how many
    runs these are. NaN where there are fewer tasks, or where their scores have no unit in common: of several metrics
    all have to be fractions of which the higher is better.
    """
    cells = _by_model(runs)
    total = sum(
        scores.size for strategies in cells.values() for tasks in strategies.values() for scores in tasks.values()
    )
    resamples = Resamples() if total <= RESAMPLED_SCORES else None
    metrics = runs.groupby(["model", "task"], sort=False, observed=True)["metric"].first()
    rows = []
    for model, strategies in cells.items():
        shared = _shared(list(strategies.values()))
        names = {str(metrics[model, task]) for task in shared}
        averaged = len(shared) >= 2 and _one_unit(names, scoring)
        for strategy, tasks in strategies.items():
            used = [tasks[task] for task in shared]
            found = interquartile_mean(used, resamples) if averaged else _UNKNOWN
            rows.append((model, strategy, len(shared), sum(part.size for part in used), *found))
    return pd.DataFrame(rows, columns=LEVEL_COLUMNS)


def _one_unit(metrics: set[str], scoring: Scoring) -> bool:
    kinds = [scoring.kind(name) for name in metrics]
    return len(metrics) == 1 or all(kind.fraction and not kind.lower for kind in kinds)


def improvements(
    runs: pd.DataFrame, pairs: pd.DataFrame, scoring: Scoring, executor: Executor | None = None
) -> pd.DataFrame:
    """For each row of `over_tasks` the probability that a run of a is better than one of b, mean over their tasks.

    Columns `IMPROVEMENT_COLUMNS`, over the tasks on which both have finished runs with scores; NaN without one. Of the
    metrics where lower is better the lower score is better.
    """
    cells = _by_model(runs, turned=scoring.lower)
    both = []
    for model, a, b in pairs[["model", "strategy_a", "strategy_b"]].itertuples(index=False):
        sides = [cells.get(model, {}).get(name, {}) for name in sorted((a, b))]
        tasks = _shared(sides)
        both.append(([sides[0][task] for task in tasks], [sides[1][task] for task in tasks]))
    work = sum(x.size * y.size for first, second in both for x, y in zip(first, second, strict=True))
    blocks = [both[start : start + _PAIRS_AT_ONCE] for start in range(0, len(both), _PAIRS_AT_ONCE)]
    found = parallel_map(executor, partial(_improvements, resampled=work <= RESAMPLED_PAIRS), blocks)
    numbers = np.array([row for block in found for row in block], dtype=np.float64).reshape(-1, 3)
    swapped = (pairs["strategy_a"] > pairs["strategy_b"]).to_numpy(dtype=np.bool_)
    numbers[swapped] = 1 - numbers[swapped][:, [0, 2, 1]]
    return pd.DataFrame(numbers, columns=IMPROVEMENT_COLUMNS, index=pairs.index)


def _improvements(pairs: Sequence[tuple[list[Array], list[Array]]], resampled: bool) -> list[Estimate]:
    resamples = Resamples() if resampled else None
    return [improvement(a, b, resamples) if a else _UNKNOWN for a, b in pairs]


def _by_model(runs: pd.DataFrame, turned: frozenset[str] = frozenset()) -> dict[str, dict[str, dict[str, Array]]]:
    """Sorted scores by model, strategy and task, without cells that lack one; those of `turned` metrics negated."""
    metrics = runs.groupby(["model", "task"], sort=False, observed=True)["metric"].first().to_dict()
    found: dict[str, dict[str, dict[str, Array]]] = {
        str(model): {name: {} for name in ordered(rows["strategy"])}
        for model, rows in runs[["model", "strategy"]].groupby("model", sort=False, observed=True)
    }
    for (model, task, strategy), scores in scores_by_cell(runs).items():
        if not np.isnan(scores).any():
            sign = -1.0 if metrics[model, task] in turned else 1.0
            found[model][strategy][task] = ascending(sign * scores)
    return found


def _shared(sides: Sequence[ByTask]) -> list[str]:
    """The tasks that all have, in the order of the first."""
    return [task for task in sides[0] if all(task in side for side in sides[1:])] if sides else []
