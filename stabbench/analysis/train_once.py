"""What somebody gets who trains once: how often a run fails, and how bad the worst runs of a cell are."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from stabbench.analysis.frame import CELL, scores_by_cell
from stabbench.analysis.spread import Array, ascending

WORST_SHARE = 0.2
FEWEST_RUNS = 10
"""Of fewer runs a fifth is one run, and nothing is said of the tail."""
COLUMNS = [
    *(*CELL, "metric", "n", "failed", "failed_share", "failed_low", "failed_high"),
    *("mean", "median", "worst_tenth", "worst_fifth_mean", "worst"),
]


def train_once(runs: pd.DataFrame, table: pd.DataFrame, lower: Collection[str] = ()) -> pd.DataFrame:
    """One row a cell of `stability`'s `table`, with the columns `COLUMNS`; `runs` is its frame of runs.

    `failed_share` with Wilson's 95 % interval estimates the probability that one run fails. `worst_fifth_mean` is
    `worst_mean` of all finished runs, failed ones too; `worst_tenth` the score that one run in ten does not reach
    (linear interpolation); of the metrics in `lower` the highest scores are the worst. Both are NaN under
    `FEWEST_RUNS` runs, and all scores where a run has none.
    """
    cells = scores_by_cell(runs)
    rows: list[dict[Any, Any]] = []
    for cell in table.to_dict("records"):
        scores = cells.get((cell["model"], cell["task"], cell["strategy"]), np.empty(0))
        rows.append({**cell, "failed_share": _share(cell), **_tail(scores, cell["metric"] in lower)})
    return pd.DataFrame(rows, columns=COLUMNS).astype({"failed": "Int64"})


def worst_mean(scores: Array, share: float = WORST_SHARE, *, lower: bool = False) -> float:
    """Mean of the worst `share` of scores `(n,)`: the conditional value at risk, or expected shortfall.

    Where `share` of n is no whole number, the last score counts with what is left of it. The lowest scores are the
    worst, the highest where `lower` is better. ValueError without a score.
    """
    if not scores.size:
        raise ValueError("found no score, expected one at least")
    ordered = -ascending(-scores) if lower else ascending(scores)
    wanted = share * ordered.size
    weights = np.clip(wanted - np.arange(ordered.size), 0.0, 1.0)
    return float(weights @ ordered / wanted)


def _share(cell: dict[Any, Any]) -> float:
    return math.nan if pd.isna(cell["failed"]) or not cell["n"] else float(cell["failed"]) / cell["n"]


def _tail(scores: Array, lower: bool) -> dict[str, float]:
    if not scores.size or np.isnan(scores).any():
        return {"worst": math.nan, "worst_tenth": math.nan, "worst_fifth_mean": math.nan}
    worst = float(scores.max() if lower else scores.min())
    if scores.size < FEWEST_RUNS:
        return {"worst": worst, "worst_tenth": math.nan, "worst_fifth_mean": math.nan}
    tenth = float(np.quantile(scores, 0.9 if lower else 0.1))
    return {"worst": worst, "worst_tenth": tenth, "worst_fifth_mean": worst_mean(scores, lower=lower)}
