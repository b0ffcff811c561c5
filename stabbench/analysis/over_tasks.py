"""One answer over tasks: how the std of one strategy compares with another's, pooled over the tasks of a model."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stabbench.analysis.equivalence import (
    LEVEL,
    REGION,
    benjamini_hochberg,
    holm_of_verdicts,
    parts,
    two_sided,
    verdict_p_values,
    verdicts,
)
from stabbench.analysis.frame import CELL, finished, ordered
from stabbench.analysis.pairwise import holm
from stabbench.analysis.random_effects import pool
from stabbench.analysis.spread import Array
from stabbench.analysis.tied import letters, tied_sets

FEWEST_TASKS = 4
"""Of fewer tasks the pooled ratio is descriptive: it has its intervals, but no test and no verdict."""
RATIOS = ("std_ratio", "std_ratio_low", "std_ratio_high", "new_task_low", "new_task_high")
P_VALUES = ("p_ratio", "p_ratio_holm", "p_ratio_bh", "p_verdict", "p_verdict_holm")
COLUMNS = [
    *("model", "strategy_a", "strategy_b", "tasks", "tasks_left_out"),
    *(*RATIOS, "tau", *P_VALUES, "verdict", "verdict_holm"),
]
_NORMAL_KURTOSIS = 3.0
_FEWEST_FOR_KURTOSIS = 4


def over_tasks(runs: pd.DataFrame, table: pd.DataFrame, region: tuple[float, float] = REGION) -> pd.DataFrame:
    """One row a pair of strategies of a model, over the tasks that both have; columns `COLUMNS`.

    `runs` is a frame of runs, `table` its `stability`. A task counts where both cells are `usable`. Its effect is the
    log ratio of the stds (a's over b's) + 1/2(n_a − 1) − 1/2(n_b − 1), which takes off the bias that unequal numbers of
    seeds give (Nakagawa et al., 2015), with the variances of `log_std_variances`. `pool` makes the ratio, its 95 %
    interval and the prediction interval of the ratio that a new task would show with as many seeds; `tau` is the
    standard deviation of the true log ratios between tasks. All are NaN under two tasks, and the verdict is empty.

    Under `FEWEST_TASKS` the verdict is `descriptive` and there are no p-values. `p_ratio` tests that the ratio is 1;
    `p_verdict` is the level at which the interval lies within one part of the scale that `region` divides, and
    `verdict` names the part where that is at most .05 of this pair alone. `*_holm` are adjusted over all pairs and
    models of the frame (for claims), `*_bh` after Benjamini and Hochberg (for exploration).
    """
    found = [_model_rows(rows) for _, rows in _measured(runs, table).groupby("model", sort=False, observed=True)]
    rows = pd.concat([pd.DataFrame(columns=COLUMNS), *found], ignore_index=True) if found else pd.DataFrame()
    if rows.empty:
        return pd.DataFrame(columns=COLUMNS)
    estimate, error = (rows[name].to_numpy(dtype=np.float64) for name in ("estimate", "error"))
    freedom = np.where(rows["tasks"] >= FEWEST_TASKS, rows["tasks"] - 1, np.nan).astype(np.float64)
    part = parts(estimate, region)
    rows["p_ratio"] = two_sided(estimate, error, freedom)
    rows["p_ratio_holm"], rows["p_ratio_bh"] = holm(rows["p_ratio"]), benjamini_hochberg(rows["p_ratio"])
    rows["p_verdict"] = verdict_p_values(estimate, error, freedom, region)
    rows["p_verdict_holm"] = holm_of_verdicts(part, rows["p_verdict"])
    for end in ("", "_holm"):
        rows[f"verdict{end}"] = verdicts(part, rows[f"p_verdict{end}"])
        rows.loc[rows["tasks"] < 2, f"verdict{end}"] = ""
    numbers = [*RATIOS, "tau", *P_VALUES]
    return rows[COLUMNS].astype({**dict.fromkeys(numbers, "float64"), "tasks": "int64", "tasks_left_out": "int64"})


def usable(table: pd.DataFrame) -> pd.Series:
    """Which rows of `stability` have a std that says something: those that are eligible, at most half of them failed.

    Beyond half each further failure lowers the std.
    """
    return table["eligible"] & ~table["mostly_failed"]


def _measured(runs: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Each cell's `log_std` and `kurtosis`, NaN where it is not usable, in the order of `table`."""
    cells = table[[*CELL, "n", "std"]].copy()
    good = usable(table)
    cells["log_std"] = np.log(cells["std"].where(good)) + 1 / (2 * (cells["n"].where(good) - 1))
    cells["kurtosis"] = np.where(good, _kurtoses(runs, cells), np.nan)
    return cells


def log_std_variances(n: Array, kurtosis: Array) -> Array:
    """Sampling variance of each strategy's log std on each task, from its seeds and its kurtosis `(s, k)`: `(s, k)`.

    Delta method: (κ − (n − 3) / (n − 1)) / 4n, with one κ for all tasks of a strategy, the mean of theirs weighted by n
    (3, the normal distribution's, where none is known: NaN). A cell's own κ would make its weight depend on its std,
    and then the interval of a pooled ratio holds too little (reports/benchmarks/calibration-tasks.md).
    """
    weights = np.where(np.isnan(kurtosis), 0.0, n)
    total = weights.sum(axis=1, keepdims=True)
    pooled = (weights * np.nan_to_num(kurtosis)).sum(axis=1, keepdims=True)
    mean = np.divide(pooled, total, out=np.full_like(total, _NORMAL_KURTOSIS), where=total > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((np.maximum(mean, 1.0) - (n - 3) / (n - 1)) / (4 * n))


def kurtosis_of(n: Array, second: Array, fourth: Array) -> Array:
    """Kurtosis from the central moments (means of squares, of fourth powers) `(k,)`: that of a normal sample is 3.

    Fisher's correction for n; NaN under four scores and where the second moment is 0.
    """
    usable_moments = (n >= _FEWEST_FOR_KURTOSIS) & (second > 0)
    ratio = np.divide(fourth, second**2, out=np.full_like(second, np.nan), where=usable_moments)
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * (ratio - 3) + 6)
    return np.asarray(np.where(usable_moments, excess + 3, np.nan), dtype=np.float64)


def _kurtoses(runs: pd.DataFrame, cells: pd.DataFrame) -> Array:
    """Of each row of `cells`; all cells at once."""
    done = finished(runs)[[*CELL, "score"]]
    groups = done.groupby(CELL, sort=False, observed=True)
    code, scores = groups.ngroup().to_numpy(), done["score"].to_numpy(dtype=np.float64)
    n = np.bincount(code).astype(np.float64)
    centred = scores - (np.bincount(code, scores) / n)[code]
    second, fourth = (np.bincount(code, centred**power) / n for power in (2, 4))
    by_cell = pd.Series(kurtosis_of(n, second, fourth), index=groups.size().index)
    wanted = by_cell.reindex(pd.MultiIndex.from_frame(cells[CELL]))
    return np.asarray(wanted, dtype=np.float64)


def _model_rows(cells: pd.DataFrame) -> pd.DataFrame:
    names = ordered(cells["strategy"])
    shaped = {
        value: cells.pivot(index="strategy", columns="task", values=value).reindex(names).to_numpy(dtype=np.float64)
        for value in ("log_std", "kurtosis", "n")
    }
    variances = log_std_variances(shaped["n"], shaped["kurtosis"])
    a, b = np.triu_indices(len(names), 1)
    pooled = pool(shaped["log_std"][a] - shaped["log_std"][b], variances[a] + variances[b])
    planned = (~np.isnan(shaped["n"][a] + shaped["n"][b])).sum(axis=1)
    rows = {
        "model": str(cells["model"].iloc[0]),
        "strategy_a": [names[index] for index in a],
        "strategy_b": [names[index] for index in b],
        "tasks": pooled.tasks,
        "tasks_left_out": planned - pooled.tasks,
        "estimate": pooled.estimate,
        "error": pooled.error,
        "tau": pooled.tau,
    }
    logs = pooled.estimate, pooled.low, pooled.high, pooled.new_low, pooled.new_high
    return pd.DataFrame({**rows, **{name: np.exp(log) for name, log in zip(RATIOS, logs, strict=True)}})


def steadiness(pairs: pd.DataFrame) -> pd.DataFrame:
    """One row a strategy of a model, the steadiest first, from the rows of `over_tasks`.

    `relative_std` is its std over the geometric mean of all strategies' (itself among them, by the pooled ratios that
    there are; NaN without one). `tied` are the letters of the sets that it is in: the maximal ones in which Holm's
    `p_ratio_holm` tells no pair apart at .05; empty where no pair of the model has a p-value. Not to be told apart is
    not to be equivalent.
    """
    found = [_steadiness(rows) for _, rows in pairs.groupby("model", sort=False)]
    columns = ["model", "strategy", "tasks", "relative_std", "tied"]
    return pd.concat(found, ignore_index=True)[columns] if found else pd.DataFrame(columns=columns)


def _steadiness(pairs: pd.DataFrame) -> pd.DataFrame:
    names = list(dict.fromkeys([*pairs["strategy_a"], *pairs["strategy_b"]]))
    place = {name: index for index, name in enumerate(names)}
    logs = np.full((len(names), len(names)), np.nan)
    a, b = (pairs[side].map(place).to_numpy(dtype=np.int64) for side in ("strategy_a", "strategy_b"))
    logs[a, b] = np.log(pairs["std_ratio"])
    logs[b, a] = -logs[a, b]
    known = ~np.isnan(logs)
    others = known.sum(axis=1)
    relative = np.where(others > 0, np.exp(np.where(known, logs, 0.0).sum(axis=1) / (others + 1)), np.nan)
    tasks = [int(max(pairs["tasks"][(a == index) | (b == index)])) for index in range(len(names))]
    rows = pd.DataFrame({"model": pairs["model"].iloc[0], "strategy": names, "tasks": tasks, "relative_std": relative})
    rows = rows.sort_values("relative_std", kind="stable", ignore_index=True)
    if pairs["p_ratio"].isna().all():
        return rows.assign(tied="")
    told = pairs[pairs["p_ratio_holm"] <= LEVEL]
    apart = {frozenset(pair) for pair in zip(told["strategy_a"], told["strategy_b"], strict=True)}
    order = [str(name) for name in rows["strategy"]]
    by_name = letters(order, tied_sets(order, apart))
    return rows.assign(tied=[by_name[name] for name in order])
