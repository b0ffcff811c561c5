"""Whether small gradients in the bottom layers early in training foretell that a run fails (paper, section 5.1)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from stabbench.analysis.frame import FAILED
from stabbench.analysis.layers import depth_of
from stabbench.analysis.levels import mann_whitney
from stabbench.analysis.spread import of_one_pair
from stabbench.records import Record, SelectedCell
from stabbench.records.content import UNJUDGED
from stabbench.tensor_roles import OUTSIDE_LAYERS, TensorRoles

EARLY = 1 / 3
"""The share of training that counts as early, from the end of the warm-up."""
BOTTOM = 1 / 4
"""The share of the encoder's layers that counts as the bottom, one at least."""
ALL = "all strategies"
COLUMNS = ["model", "task", "strategy", "failed", "successful", "norm_failed", "norm_successful", "auc", "p_auc"]


def early_norms(cells: Sequence[SelectedCell]) -> pd.DataFrame:
    """One row a finished run that recorded gradient norms: model, task, strategy, seed, failed and `norm`.

    `norm` is `early_norm`; a run without a finite one is left out, as is one of which nobody knows whether it failed.
    """
    columns = ["model", "task", "strategy", "seed", "failed", "norm"]
    rows = [
        (cell.model, cell.task, cell.strategy, seed, record.status in FAILED, early_norm(record, cell.tensors))
        for item in cells
        for cell in [item.cell]
        for seed, record in sorted(item.records.items())
        if "gradnorms.parquet" in record.files and record.status != UNJUDGED
    ]
    table = pd.DataFrame(rows, columns=columns)
    return table[np.isfinite(table["norm"].astype("float64"))]


def early_norm(record: Record, tensors: TensorRoles) -> float:
    """Median over early steps of the L2 gradient norm of the bottom layers, before clipping; NaN where there is none,
    and where nobody knows how long the warm-up is.

    Early: from the end of the warm-up to a third of the updates, or the first recorded step after the warm-up.
    `tensors` are the roles of the model's.
    """
    warm_up = record.result.warmup_steps
    if warm_up is None:
        return math.nan
    table = record.columns("gradnorms.parquet", ["step", "parameter", "norm"])
    codes, names = pd.factorize(table["parameter"])
    layers = [tensors.of(str(name)).layer for name in names]
    inside = sorted(set(layers) - set(OUTSIDE_LAYERS), key=depth_of)
    bottom = inside[: max(1, round(BOTTOM * len(inside)))]
    steps = np.unique(table["step"])
    warm = steps[steps >= warm_up]
    early = warm[warm <= EARLY * record.result.total_steps]
    chosen = early if len(early) else warm[:1]
    kept = np.isin(layers, bottom)[codes] & np.isin(table["step"], chosen)
    if not kept.any():
        return math.nan
    squares = table["norm"][kept] ** 2
    places = np.searchsorted(chosen, table["step"][kept])
    sums = np.bincount(places, weights=np.where(np.isnan(squares), 0.0, squares), minlength=len(chosen))
    return float(np.median(np.sqrt(sums)))


def failure_prediction(norms: pd.DataFrame) -> pd.DataFrame:
    """One row a (model, task, strategy) with failed and successful runs, and one for all strategies; columns `COLUMNS`.

    Of a table of `early_norms`. `auc` is the probability that a failed run has a smaller early norm than a successful
    one (ties count half): 0.5 tells nothing, 1 foretells every failure. `p_auc` is its Mann-Whitney p-value. The row
    of all strategies also holds what strategies differ in beside failing.
    """
    rows = [row for _, part in norms.groupby(["model", "task"], sort=False, observed=True) for row in _task_rows(part)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _task_rows(part: pd.DataFrame) -> Iterator[dict[str, Any]]:
    cells = [(str(name), runs) for name, runs in part.groupby("strategy", sort=False, observed=True)]
    for strategy, runs in [*cells, (ALL, part)] if len(cells) > 1 else cells:
        failed = runs["failed"].to_numpy(dtype=np.bool_)
        if failed.all() or not failed.any():
            continue
        norm = runs["norm"].to_numpy(dtype=np.float64)
        yield {
            "model": str(runs["model"].iloc[0]),
            "task": str(runs["task"].iloc[0]),
            "strategy": strategy,
            "failed": int(failed.sum()),
            "successful": int((~failed).sum()),
            "norm_failed": float(np.median(norm[failed])),
            "norm_successful": float(np.median(norm[~failed])),
            "auc": area_under_curve(norm[failed], norm[~failed]),
            "p_auc": of_one_pair(mann_whitney, norm[failed], norm[~failed]),
        }


def area_under_curve(lower: npt.NDArray[np.float64], higher: npt.NDArray[np.float64]) -> float:
    """Share of pairs in which the number of `lower` `(n,)` is below that of `higher` `(m,)`, ties counted half."""
    difference = higher[None, :] - lower[:, None]
    return float((difference > 0).mean() + (difference == 0).mean() / 2)
