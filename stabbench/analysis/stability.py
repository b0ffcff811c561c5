"""The stability table as data: one row a cell, which cells are best, and whether that is significant."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.typing import NAType

from stabbench.analysis.failures import wilson_interval
from stabbench.analysis.frame import CELL, finished, how_many
from stabbench.analysis.place import Place
from stabbench.analysis.seed_sanity import seedless_cells
from stabbench.analysis.spread import Array, Spread, of_one_pair, spread, standard_deviation
from stabbench.analysis.variances import CENTERS, Center, levene, permutation_p_values, spread_p_value
from stabbench.metrics.kinds import lower_is_better
from stabbench.processes import parallel_map

COUNTS = ("failed", "diverged", "collapsed")
"""Columns of whole numbers, NA where it is not known which runs these are."""

MINIMUM_SEEDS = 10
"""No star under this many seeds in either cell."""
P_VALUES = ("p_levene_median", "p_levene_mean", "p_permutation", "p_spread")


def stability(
    runs: pd.DataFrame,
    *,
    levene_center: Center = "median",
    alpha: float = 0.001,
    minimum_seeds: int = MINIMUM_SEEDS,
    lower: Collection[str] | None = None,
    seedless: Collection[Place] | None = None,
    executor: Executor | None = None,
) -> pd.DataFrame:
    """One row a (model, task, strategy) of a frame of runs, in its order (paper, Table 1).

    Numbers over the finished runs: n of planned, std (ddof 1), mean, max, min, median, iqr, failed with its Wilson 95 %
    interval, diverged, collapsed, std_successful (NA or NaN where it is not known which runs failed). Where a run has
    no score, as it diverged and nobody knows what a constant prediction scores, std, mean and the like are NaN.
    `eligible` is false where they are, where all runs failed, fewer than two finished, all scores are the same to
    rounding, or the cell is in `seedless` (None: what `seedless_cells` finds): it is neither best nor second smallest.
    `mostly_failed`: more than half of the runs are known to have failed.
    Beyond half each further failure lowers the std, as π(1 − π) falls, so such a cell never has the best std, and is
    the second smallest only where its std is above the best one (as Devlin's on RTE in the paper's Table 1).

    `best_std`, `best_mean`, `best_max` mark the best cells of a task, none where fewer than two are eligible; of the
    metrics in `lower` (None: as their names say) the smallest mean and the smallest min are best. In the row of the
    single smallest std `rival` names the second smallest, `p_levene_median`, `p_levene_mean` (asymptotic),
    `p_permutation` and `p_spread` (the larger of `p_levene_median` and `p_permutation`) compare the two (NaN: n/a), and
    `star` says whether the p-value is under `alpha`: `p_spread` with the centre `median`, `p_levene_mean` with `mean`.
    An `executor`'s processes share in the work.
    """
    used = runs[[*CELL, "status", "metric", "majority", "score", *COUNTS]]
    parts = [part for _, part in used.groupby(["model", "task"], sort=False, observed=True)]
    if lower is None:
        lower = lower_is_better({str(name) for name in used["metric"].unique()})
    if seedless is None:
        seedless = seedless_cells(runs, lower=lower)
    tables = parallel_map(executor, partial(_task_rows, lower=frozenset(lower), seedless=frozenset(seedless)), parts)
    contests = [_contest(table, part) for table, part in zip(tables, parts, strict=True)]
    decided = p_values_of([(contest.best, contest.rival) for contest in contests if contest is not None])
    for table, contest in zip(tables, contests, strict=True):
        if contest is None:
            continue
        p_values = next(decided)
        for column, p in p_values.items():
            table.loc[contest.row, column] = p
        table.loc[contest.row, "rival"] = contest.rival_name
        chosen = p_values["p_spread" if levene_center == "median" else "p_levene_mean"]
        enough = min(contest.best.size, contest.rival.size) >= minimum_seeds
        table.loc[contest.row, "star"] = bool(enough and chosen < alpha)
    return pd.concat(tables, ignore_index=True)


def _task_rows(runs: pd.DataFrame, lower: Collection[str], seedless: Collection[Place]) -> pd.DataFrame:
    cells = [part for _, part in runs.groupby("strategy", sort=False, observed=True)]
    rows = pd.DataFrame([cell_numbers(part) for part in cells]).astype(dict.fromkeys(COUNTS, "Int64"))
    cell_keys = zip(rows["model"], rows["task"], rows["strategy"], strict=True)
    rows["eligible"] &= np.array([key not in seedless for key in cell_keys])
    eligible, candidates = _candidates(rows)
    contested = len(eligible) > 1
    rows["best_std"] = contested & rows.index.isin(candidates.index) & (rows["std"] == candidates["std"].min())
    downwards = str(rows["metric"].iloc[0]) in lower
    for column, measure in (("mean", "mean"), ("max", "min" if downwards else "max")):
        best = eligible[measure].min() if downwards else eligible[measure].max()
        rows[f"best_{column}"] = contested & rows["eligible"] & (rows[measure] == best)
    rows["rival"] = ""
    for column in P_VALUES:
        rows[column] = math.nan
    rows["star"] = False
    return rows


def _candidates(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The eligible rows, and those of them that may be best."""
    eligible = rows[rows["eligible"]]
    return eligible, eligible[~eligible["mostly_failed"]]


@dataclass(frozen=True)
class _Contest:
    """The smallest std of a task, in `row` of its table, against the second smallest."""

    row: Hashable
    rival_name: str
    best: Array
    rival: Array


def _contest(rows: pd.DataFrame, runs: pd.DataFrame) -> _Contest | None:
    """None where no cell can be best, or none second."""
    eligible, candidates = _candidates(rows)
    if candidates.empty:
        return None
    first = candidates["std"].idxmin()
    others = eligible.drop(index=first)
    others = others[others["std"] >= candidates["std"].min()]
    if others.empty:
        return None
    names = [str(name) for name in rows.loc[[first, others["std"].idxmin()], "strategy"]]
    best, rival = (_scores(runs[runs["strategy"] == name]) for name in names)
    return _Contest(first, names[1], best, rival)


def p_values_of(samples: Sequence[tuple[Array, Array]]) -> Iterator[dict[str, float]]:
    """The p-values of `P_VALUES` of each pair of samples, each of shape `(n,)`; NaN is n/a."""
    for (a, b), permutation in zip(samples, permutation_p_values(samples)[:, 0].tolist(), strict=True):
        asymptotic, mean_centred = (of_one_pair(partial(levene, center=center), a, b) for center in CENTERS)
        known = None if math.isnan(permutation) else permutation
        values = asymptotic, mean_centred, known, spread_p_value(asymptotic, known)
        yield {name: math.nan if p is None else p for name, p in zip(P_VALUES, values, strict=True)}


def cell_numbers(runs: pd.DataFrame) -> dict[str, Any]:
    """The columns of `stability` that the runs of one cell decide alone."""
    done = finished(runs)
    scores = _scores(runs)
    summary = Spread(len(scores), *[math.nan] * 6) if np.isnan(scores).any() else spread(scores)
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
        **vars(summary),
        "failed": failed,
        "failed_low": low,
        "failed_high": high,
        "diverged": how_many(done["diverged"]),
        "collapsed": how_many(done["collapsed"]),
        "std_successful": std_successful,
        "eligible": summary.n >= 2 and summary.std > 0 and (isinstance(failed, NAType) or failed < summary.n),
        "mostly_failed": not isinstance(failed, NAType) and 2 * failed > summary.n,
    }


def _scores(runs: pd.DataFrame) -> Array:
    return finished(runs)["score"].to_numpy(dtype=np.float64)
