"""Whether runs that fit the training set equally well score equally well (paper, section 5.2 and figure 8)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from stabbench.analysis.frame import finished
from stabbench.analysis.spread import Spread, is_constant, spread


@dataclass(frozen=True)
class Generalisation:
    """Final training loss (full training set, dropout off, final weights, in nats) against the score on dev."""

    runs: int
    """Finished runs with a finite training loss; diverged ones have none."""
    correlation: float | None
    """Spearman's rank correlation of loss and score; None where one of them is the same in all runs."""
    p: float | None
    """Two-sided, each run taken as independent."""
    threshold: float
    below: Spread
    """Scores of the runs whose training loss is below the threshold, as fractions."""
    failed_below: int


def fitted(runs: pd.DataFrame) -> pd.DataFrame:
    """The finished runs of a frame that have a finite final training loss."""
    done = finished(runs)
    return done[done["train_loss_final"].abs() < np.inf]


def generalisation(runs: pd.DataFrame, threshold: float) -> Generalisation:
    """Training loss against dev score over all runs of a frame, and the spread where the loss is below `threshold`."""
    done = fitted(runs)
    loss, score = (done[name].to_numpy(dtype=np.float64) for name in ("train_loss_final", "score"))
    correlation: float | None = None
    p: float | None = None
    if len(done) > 2 and not is_constant(loss) and not is_constant(score):
        result = stats.spearmanr(loss, score)
        correlation, p = float(result.statistic), float(result.pvalue)
    low = done[loss < threshold]
    return Generalisation(
        runs=len(done),
        correlation=correlation,
        p=p,
        threshold=threshold,
        below=spread(low["score"].to_numpy(dtype=np.float64)),
        failed_below=int(low["failed"].sum()),
    )


def variance_between_outcomes(runs: pd.DataFrame) -> float | None:
    """The share of the variance of scores that lies between failed and successful runs.

    π(1 − π)(μ_s − μ_f)² over the whole variance, π the share of failed runs; None where all scores are the same.
    """
    done = finished(runs)
    score, failed = done["score"].to_numpy(dtype=np.float64), done["failed"].to_numpy(dtype=bool)
    if not len(done) or is_constant(score):
        return None
    if failed.all() or not failed.any():
        return 0.0
    between = failed.mean() * (1 - failed.mean()) * (score[~failed].mean() - score[failed].mean()) ** 2
    return float(between / score.var())
