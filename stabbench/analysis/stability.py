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
from stabbench.analysis.spread import Scores, spread, standard_deviation
from stabbench.analysis.variances import Center, levene, levene_by_permutation, spread_p_value

COUNTS = ("failed", "diverged", "collapsed")
"""Columns of whole numbers, NA where it is not known which runs these are."""

MINIMUM_SEEDS = 10
"""No star under this many seeds in either cell."""
P_VALUES = ("p_levene_median", "p_levene_mean", "p_permutation", "p_spread")

PERMUTATION_SEED = 0


def stability(
    runs: pd.DataFrame, *, levene_center: Center = "median", alpha: float = 0.001, minimum_seeds: int = MINIMUM_SEEDS
) -> pd.DataFrame:
    """One row a (model, task, strategy) of a frame of runs, in its order (paper, Table 1).

    Numbers over the finished runs: n of planned, std (ddof 1), mean, max, min, median, iqr, failed with its Wilson 95 %
    interval, diverged, collapsed, std_successful (NA or NaN where it is not known which runs failed). `eligible` is
    false where all runs failed or fewer than two finished: such a cell is neither best nor second smallest.
    `mostly_failed`: more than half of the runs are known to have failed.
    Beyond half each further failure lowers the std, as π(1 − π) falls, so such a cell never has the best std, and is
    the second smallest only where its std is above the best one (as Devlin's on RTE in the paper's Table 1).

    `best_std`, `best_mean`, `best_max` mark the best cells of a task; in the row of the single smallest std `rival`
    names the second smallest, `p_levene_median`, `p_levene_mean` (asymptotic), `p_permutation` and `p_spread` (the
    larger of `p_levene_median` and `p_permutation`) compare the two (NaN: n/a), and `star` says whether the p-value is
    under `alpha`: `p_spread` with the centre `median`, `p_levene_mean` with `mean`.
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
    candidates = eligible[~eligible["mostly_failed"]]
    rows["best_std"] = rows.index.isin(candidates.index) & (rows["std"] == candidates["std"].min())
    for column in ("mean", "max"):
        rows[f"best_{column}"] = rows["eligible"] & (rows[column] == eligible[column].max())
    rows["rival"] = ""
    for column in P_VALUES:
        rows[column] = math.nan
    rows["star"] = False
    if candidates.empty:
        return rows
    first = candidates["std"].idxmin()
    others = eligible.drop(index=first)
    others = others[others["std"] >= candidates["std"].min()]
    if others.empty:
        return rows
    names = rows.loc[[first, others["std"].idxmin()], "strategy"]
    best, rival = (_scores(parts[str(name)]) for name in names)
    p_values = spread_p_values(best, rival)
    rows.loc[first, "rival"] = str(names.iloc[1])
    for column, p in p_values.items():
        rows.loc[first, column] = math.nan if p is None else p
    chosen = p_values["p_spread" if center == "median" else "p_levene_mean"]
    enough = min(len(best), len(rival)) >= minimum_seeds
    rows.loc[first, "star"] = bool(enough and chosen is not None and chosen < alpha)
    return rows


def spread_p_values(a: Scores, b: Scores) -> dict[str, float | None]:
    """The p-values of `P_VALUES` for equal spread of scores `(n_a,)` and `(n_b,)`; None is n/a."""
    asymptotic = levene(a, b, "median")
    permutation = levene_by_permutation(a, b, np.random.default_rng(PERMUTATION_SEED))
    values = (asymptotic, levene(a, b, "mean"), permutation, spread_p_value(asymptotic, permutation))
    return dict(zip(P_VALUES, values, strict=True))


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
        "mostly_failed": not isinstance(failed, NAType) and 2 * failed > summary.n,
    }


def _scores(runs: pd.DataFrame) -> npt.NDArray[np.float64]:
    return finished(runs)["score"].to_numpy(dtype=np.float64)
