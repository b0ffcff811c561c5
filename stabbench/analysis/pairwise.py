"""Every strategy against every other on the same model and task: failures and variances, with Holm's correction."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.typing import NAType

from stabbench.analysis.failures import fisher_exact
from stabbench.analysis.frame import CELL, finished, how_many
from stabbench.analysis.stability import PERMUTATION_SEED
from stabbench.analysis.variances import levene, levene_by_permutation

P_VALUES = ("p_fisher", "p_levene_median", "p_levene_mean", "p_permutation")
ADJUSTED = ("p_fisher", "p_levene_median")
COLUMNS = [
    *("model", "task", "strategy_a", "strategy_b", "n_a", "n_b", "failed_a", "failed_b"),
    *P_VALUES,
    *(f"{name}_holm" for name in ADJUSTED),
]


def pairwise(runs: pd.DataFrame) -> pd.DataFrame:
    """One row a pair of strategies on one model and task, over the finished runs of a frame; columns `COLUMNS`.

    `p_fisher` is two-sided, on failures; the others are on variances. NaN is n/a. `*_holm` are adjusted over all pairs
    of the frame for which that p-value exists. Where it is not known which runs failed, `failed_*` are NA.
    """
    used = runs[[*CELL, "status", "score", "failed"]]
    tasks = finished(used).groupby(["model", "task"], sort=False, observed=True)
    table = pd.DataFrame([row for _, part in tasks for row in _pairs(part)], columns=COLUMNS)
    table = table.astype({"failed_a": "Int64", "failed_b": "Int64"})
    for column in ADJUSTED:
        table[f"{column}_holm"] = holm(table[column])
    return table


def _pairs(runs: pd.DataFrame) -> list[dict[str, Any]]:
    parts = {str(name): part for name, part in runs.groupby("strategy", sort=False, observed=True)}
    scores = {name: np.sort(part["score"].to_numpy(dtype=np.float64)) for name, part in parts.items()}
    failed = {name: how_many(part["failed"]) for name, part in parts.items()}
    rows = []
    for a, b in combinations(parts, 2):
        scores_a, scores_b = scores[a], scores[b]
        p_values = {
            "p_fisher": _fisher(failed[a], len(scores_a), failed[b], len(scores_b)),
            "p_levene_median": levene(scores_a, scores_b, "median"),
            "p_levene_mean": levene(scores_a, scores_b, "mean"),
            "p_permutation": levene_by_permutation(scores_a, scores_b, np.random.default_rng(PERMUTATION_SEED)),
        }
        rows.append(
            {
                "model": str(runs["model"].iloc[0]),
                "task": str(runs["task"].iloc[0]),
                "strategy_a": a,
                "strategy_b": b,
                "n_a": len(scores_a),
                "n_b": len(scores_b),
                "failed_a": failed[a],
                "failed_b": failed[b],
                **{name: math.nan if p is None else p for name, p in p_values.items()},
            }
        )
    return rows


def _fisher(failed_a: int | NAType, n_a: int, failed_b: int | NAType, n_b: int) -> float | None:
    if isinstance(failed_a, NAType) or isinstance(failed_b, NAType):
        return None
    return fisher_exact(failed_a, n_a, failed_b, n_b)


def holm(p_values: pd.Series) -> pd.Series:
    """Holm's (1979) adjustment over the p-values that exist (NaN: n/a, which stays).

    The i-th smallest of n times n + 1 − i, at least as large as those before it and at most 1.
    """
    known = p_values.dropna().sort_values(kind="stable")
    adjusted = np.maximum.accumulate(known.to_numpy(dtype=np.float64) * np.arange(len(known), 0, -1))
    return pd.Series(np.minimum(adjusted, 1), index=known.index, dtype="float64").reindex(p_values.index)
