"""At which training loss failed runs stay (paper, Fig. 2c)."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from stabbench.analysis.frame import finished
from stabbench.analysis.spread import standard_deviation

TRIVIAL = 0.95
"""Share of the labels' entropy from which on a loss counts as that of guessing, as in the records' `collapsed`."""


def failed_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """One row a (model, task, strategy) that has failed runs, of a frame of runs, in its order.

    A cell is left out where it is not known which of its runs failed.

    `failed` of `n`, `diverged`; over the failed runs that did not diverge: mean and std (ddof 1) of the last epoch's
    training loss, its lowest and highest, and `trivial`, how many of them are at `TRIVIAL` times the labels'
    entropy or above; mean and std of the final score over all failed ones. `label_entropy` is the loss of guessing
    with the shares of the labels (of a regression their variance, the squared error of their mean), `majority` the best
    constant prediction's score. Losses that nobody knows are NaN, and `trivial` is NA then.
    """
    rows = [
        _row(part)
        for _, part in finished(runs).groupby(["model", "task", "strategy"], sort=False, observed=True)
        if part["failed"].notna().all() and part["failed"].any()
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


COLUMNS = [
    "model", "task", "strategy", "metric", "n", "failed", "diverged", "loss_mean", "loss_std", "loss_min", "loss_max",
    "trivial", "label_entropy", "score_mean", "score_std", "majority",
]  # fmt: skip


def _row(part: pd.DataFrame) -> dict[str, Any]:
    failed = part[part["failed"].astype(bool)]
    losses = failed.loc[~failed["diverged"], "train_loss_last_epoch"].dropna()
    entropy = float(failed["label_entropy"].iloc[0])
    known = not math.isnan(entropy) and (len(losses) > 0 or bool(failed["diverged"].all()))
    first = part.iloc[0]
    return {
        **{name: first[name] for name in ("model", "task", "strategy", "metric")},
        "n": len(part),
        "failed": len(failed),
        "diverged": int(failed["diverged"].sum()),
        "loss_mean": losses.mean(),
        "loss_std": standard_deviation(losses.to_numpy()),
        "loss_min": losses.min(),
        "loss_max": losses.max(),
        "trivial": int((losses >= TRIVIAL * entropy).sum()) if known else pd.NA,
        "label_entropy": entropy,
        "score_mean": failed["score"].mean(),
        "score_std": standard_deviation(failed["score"].to_numpy()),
        "majority": float(first["majority"]),
    }
