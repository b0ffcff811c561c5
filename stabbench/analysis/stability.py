"""The stability table as data: one row a cell, which cells are best, and whether that is significant."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.typing import NAType

from stabbench.analysis.failures import wilson_interval
from stabbench.analysis.frame import CELL, finished, how_many
from stabbench.analysis.spread import spread, standard_deviation
from stabbench.analysis.variances import Center, levene, levene_by_permutation

COUNTS = ("failed", "diverged", "collapsed")
"""Columns of whole numbers, NA where it is not known which runs these are."""

MINIMUM_SEEDS = 10
"""No star under this many seeds in either cell."""

PERMUTATION_SEED = 0


def stability(
    runs: pd.DataFrame, *, levene_center: Center = "median", alpha: float = 0.001, minimum_seeds: int = MINIMUM_SEEDS
) -> pd.DataFrame:
    """One row a (model, task, strategy) of a frame of runs, in its order (paper, Table 1).

    Numbers over the finished runs: n of planned, std (ddof 1), mean, max, min, median, iqr, failed with its Wilson 95 %
    interval, diverged, collapsed, std_successful (NA or NaN where it is not known which runs failed). `eligible` is
    false where all runs failed or fewer than two finished: such a cell is neither best nor second smallest.
    `best_std`, `best_mean`, `best_max` mark the best eligible cells of a task; in the row of the single smallest std
    `rival` names the second smallest, `p_levene_median`, `p_levene_mean` (asymptotic) and `p_permutation`
    (median-centred statistic) compare the two (NaN: n/a), and `star` says whether the p-value with the chosen centre is
    under `alpha`.
    """
    used = runs[[*CELL, "status", "metric", "majority", "score", *COUNTS]]
    tables = [
        _task_rows(part, levene_center, alpha, minimum_seeds)
        for _, part in used.groupby(["model", "task"], sort=False, observed=True)
    ]
    return pd.concat(tables, ignore_index=True)


def _task_rows(runs: pd.DataFrame, center: Center, alpha: float, minimum_seeds: int) -> pd.DataFrame:
    parts = {str(name): part for name, part in runs.groupby("strategy", sort=False, observed=True)}
    rows = pd.DataFrame([_cell_row(part) for part in parts.values()]).astype(dict.fromkeys(COUNTS, "Int64"))
    eligible = rows[rows["eligible"]]
    best_of = {"std": eligible["std"].min(), "mean": eligible["mean"].max(), "max": eligible["max"].max()}
    for column, value in best_of.items():
        rows[f"best_{column}"] = rows["eligible"] & (rows[column] == value)
    rows["rival"] = ""
    for column in ("p_levene_median", "p_levene_mean", "p_permutation"):
        rows[column] = math.nan
    rows["star"] = False
    if len(eligible) < 2:
        return rows
    first, second = eligible["std"].sort_values(kind="stable").index[:2]
    names = rows.loc[[first, second], "strategy"]
    best, rival = (_scores(parts[str(name)]) for name in names)
    p_values = {
        "p_levene_median": levene(best, rival, "median"),
        "p_levene_mean": levene(best, rival, "mean"),
        "p_permutation": levene_by_permutation(best, rival, np.random.default_rng(PERMUTATION_SEED)),
    }
    rows.loc[first, "rival"] = str(names.iloc[1])
    for column, p in p_values.items():
        rows.loc[first, column] = math.nan if p is None else p
    chosen = p_values[f"p_levene_{center}"]
    enough = min(len(best), len(rival)) >= minimum_seeds
    rows.loc[first, "star"] = bool(enough and chosen is not None and chosen < alpha)
    return rows


def _cell_row(runs: pd.DataFrame) -> dict[str, Any]:
    done = finished(runs)
    scores = _scores(runs)
    summary = spread(scores)
    failed = how_many(done["failed"])
    low = high = std_successful = math.nan
    if not isinstance(failed, NAType):
        low, high = wilson_interval(failed, summary.n)
        std_successful = standard_deviation(scores[~done["failed"].to_numpy(dtype=bool)])
    return {
        **{column: str(runs[column].iloc[0]) for column in CELL},
        "metric": str(runs["metric"].iloc[0]),
        "majority": float(runs["majority"].iloc[0]),
        "planned": len(runs),
        "n": summary.n,
        "std": summary.std,
        "mean": summary.mean,
        "max": summary.max,
        "min": summary.min,
        "median": summary.median,
        "iqr": summary.iqr,
        "failed": failed,
        "failed_low": low,
        "failed_high": high,
        "diverged": how_many(done["diverged"]),
        "collapsed": how_many(done["collapsed"]),
        "std_successful": std_successful,
        "eligible": summary.n >= 2 and (isinstance(failed, NAType) or failed < summary.n),
    }


def _scores(runs: pd.DataFrame) -> npt.NDArray[np.float64]:
    return finished(runs)["score"].to_numpy(dtype=np.float64)
