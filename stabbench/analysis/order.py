"""The order in which strategies stand in tables and figures: as planned, or the steadiest first."""

from __future__ import annotations

import math
from collections.abc import Collection

import pandas as pd
from pandas.api.typing import NAType

from stabbench.analysis.frame import finished, how_many, ordered
from stabbench.analysis.place import Place
from stabbench.analysis.spread import standard_deviation

ORDERS = ("plan", "std")


def strategies_by_std(runs: pd.DataFrame, seedless: Collection[Place] = ()) -> list[str]:
    """The strategies of a frame by the mean, over the (model, task) that have them, of the rank of their std.

    The smallest std has rank 1; equal ones share the mean of their ranks. A cell all of whose runs failed, with fewer
    than two finished runs, all of whose scores are the same, or that is in `seedless` ranks after
    all others: its spread is no stability. Ties keep the frame's order.
    """
    names = ordered(runs["strategy"])
    ranks = []
    for (model, task), part in runs.groupby(["model", "task"], sort=False, observed=True):
        spreads = {
            name: _spread(finished(part[part["strategy"] == name]))
            if (str(model), str(task), name) not in seedless
            else math.nan
            for name in ordered(part["strategy"])
        }
        ranks.append(pd.Series(spreads, dtype=float).rank(method="average", na_option="bottom"))
    if not ranks:
        return names
    mean = pd.concat(ranks, axis=1).mean(axis=1)
    return sorted(names, key=lambda name: float(mean[name]))


def _spread(runs: pd.DataFrame) -> float:
    std = standard_deviation(runs["score"].to_numpy(dtype=float))
    failed = how_many(runs["failed"])
    return math.nan if std == 0 or (not isinstance(failed, NAType) and failed == len(runs)) else std
