"""Whether the score on dev still varies where the training loss does not (paper, section 5.2 and Fig. 8)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.typing import NAType
from scipy import stats

from stabbench.analysis.frame import finished, how_many
from stabbench.analysis.spread import is_constant, standard_deviation

LOW_LOSS = 0.1
"""The share of the labels' entropy under which a training loss counts as low."""


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation of final training loss and score; NaN under three runs and where one is constant."""

    n: int
    rho: float
    p: float


def correlation(runs: pd.DataFrame) -> Correlation:
    """Over the runs that have a final training loss (a diverged one has none)."""
    known = fitted(runs)
    loss, score = known["train_loss_final"].to_numpy(float), known["score"].to_numpy(float)
    if len(known) < 3 or is_constant(loss) or is_constant(score):
        return Correlation(len(known), math.nan, math.nan)
    result = stats.spearmanr(loss, score)
    return Correlation(len(known), float(result.statistic), float(result.pvalue))


def fitted(runs: pd.DataFrame) -> pd.DataFrame:
    """The finished runs of a frame that have a final training loss (a diverged one has none)."""
    done = finished(runs)
    return done[done["train_loss_final"].notna()]


def generalisation(runs: pd.DataFrame) -> pd.DataFrame:
    """One row a (model, task) of a frame of runs, over all its strategies.

    Spearman's ρ with p among all and among successful runs; `threshold` is `LOW_LOSS` times the labels' entropy (of a
    regression: their variance), and `below` counts the runs whose final training loss (whole training set, dropout off)
    is under it; std (ddof 1) of their score and of all runs' beside it. Where nobody knows the labels' entropy, the
    threshold is NaN and no run under it.
    """
    rows = [_task_row(part) for _, part in finished(runs).groupby(["model", "task"], sort=False, observed=True)]
    return pd.DataFrame(rows)


def _task_row(part: pd.DataFrame) -> dict[str, Any]:
    whole, successful = correlation(part), correlation(part[_known(~part["failed"])])
    threshold = _threshold(part)
    below = part[part["train_loss_final"] < threshold]
    return {
        **{name: part[name].iloc[0] for name in ("model", "task", "metric")},
        "n": whole.n,
        "rho": whole.rho,
        "p": whole.p,
        "n_successful": successful.n,
        "rho_successful": successful.rho,
        "p_successful": successful.p,
        "threshold": threshold,
        "below": len(below),
        "below_failed": int(_known(below["failed"]).sum()),
        "std_below": standard_deviation(below["score"].to_numpy()),
        "std": standard_deviation(part["score"].to_numpy()),
    }


def _known(flags: pd.Series) -> pd.Series:
    """Whether these are known to be true."""
    return flags.fillna(False).astype(bool)


def _threshold(part: pd.DataFrame) -> float:
    """`LOW_LOSS` times the first known entropy of the labels, NaN where it is not known."""
    known = part["label_entropy"].dropna()
    return LOW_LOSS * float(known.iloc[0]) if len(known) else math.nan


def shares_of_variance(runs: pd.DataFrame) -> pd.DataFrame:
    """One row a (model, task, strategy): how much of its variance lies between its failed and its successful runs.

    With π the share of failed runs and μ the means of both kinds, the variance (ddof 0) is π(1−π)(μ_s−μ_f)², the part
    between them, plus the mean variance within: `between` is the first over the sum, 0 where no run or every run
    failed, NaN where all scores are equal. `below` and `std_below` as in `generalisation`. Where it is not known which
    runs failed, `failed` is NA and `between` and `std_successful` are NaN; where the labels' entropy is not, `below` is
    NA.
    """
    groups = finished(runs).groupby(["model", "task", "strategy"], sort=False, observed=True)
    return pd.DataFrame([_cell_row(part) for _, part in groups])


def _cell_row(part: pd.DataFrame) -> dict[str, Any]:
    scores, threshold = part["score"].to_numpy(float), _threshold(part)
    below, failed = part[part["train_loss_final"] < threshold], how_many(part["failed"])
    between = std_successful = math.nan
    if not isinstance(failed, NAType):
        flags = part["failed"].to_numpy(bool)
        between, std_successful = share_between(scores, flags), standard_deviation(scores[~flags])
    return {
        **{name: part[name].iloc[0] for name in ("model", "task", "strategy")},
        "n": len(part),
        "failed": failed,
        "std": standard_deviation(scores),
        "between": between,
        "std_successful": std_successful,
        "train_loss_median": part["train_loss_final"].median(),
        "below": pd.NA if math.isnan(threshold) else len(below),
        "std_below": standard_deviation(below["score"].to_numpy()),
    }


def share_between(scores: np.ndarray, failed: np.ndarray) -> float:
    """The share of the scores' variance that lies between failed and successful runs; both arrays `(n,)`."""
    if scores.size < 2 or np.isnan(scores).any() or is_constant(scores):
        return math.nan
    if failed.all() or not failed.any():
        return 0.0
    share = float(failed.mean())
    between = share * (1 - share) * float(scores[~failed].mean() - scores[failed].mean()) ** 2
    return between / float(scores.var())
