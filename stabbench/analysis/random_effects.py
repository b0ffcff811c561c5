"""What several tasks say together: effects pooled with random effects, and the interval of a new task; for many rows.

Paule and Mandel's (1982) variance between tasks, Knapp and Hartung's (2003) standard error with t quantiles, no smaller
than the usual one (Röver et al., 2015).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from stabbench.analysis.spread import Array

_STEPS = 200
_ENOUGH = 1e-13


@dataclass(frozen=True)
class Pooled:
    """Each of shape `(p,)`, NaN in rows with fewer than two effects."""

    tasks: Array
    """How many effects a row has."""
    estimate: Array
    error: Array
    """Standard error of the estimate."""
    tau: Array
    """Standard deviation of the true effects between tasks."""
    low: Array
    high: Array
    new_low: Array
    new_high: Array
    """Prediction interval of the effect that would be measured on a new task, with as much precision as on these."""


def pool(effects: Array, variances: Array, confidence: float = 0.95) -> Pooled:
    """Pool each row of `effects` `(p, k)` with their sampling variances `(p, k)`; NaN: this task has none.

    With weights 1 / (variance + τ²), τ² after Paule and Mandel, the standard error is √(max(1, q) / Σ weights), where q
    is Knapp and Hartung's mean of weighted squares. Unless τ² is 0, q is 1 by the definition of τ², so what the maximum
    keeps from happening is an interval that is narrow because a few effects lie close together by chance. Intervals
    have t quantiles with (tasks − 1) degrees of freedom. That of a new task has the variance τ² + error² + the mean
    sampling variance.
    """
    known = ~np.isnan(effects)
    tasks = known.sum(axis=1).astype(np.float64)
    enough = tasks >= 2
    y, v = np.where(known, effects, 0.0)[enough], np.where(known, variances, np.inf)[enough]
    k = tasks[enough]
    tau2 = paule_mandel(y, v)
    weights = 1 / (v + tau2[:, None])
    total = weights.sum(axis=1)
    mean = (weights * y).sum(axis=1) / total
    q = (weights * (y - mean[:, None]) ** 2).sum(axis=1) / (k - 1)
    error = np.sqrt(np.maximum(q, 1.0) / total)
    quantile = special.stdtrit(k - 1, (1 + confidence) / 2)
    half = quantile * error
    new = quantile * np.sqrt(tau2 + error**2 + np.where(np.isinf(v), 0.0, v).sum(axis=1) / k)
    columns = mean, error, np.sqrt(tau2), mean - half, mean + half, mean - new, mean + new
    return Pooled(tasks, *(_spread_out(column, enough) for column in columns))


def paule_mandel(effects: Array, variances: Array) -> Array:
    """The variance between tasks τ² with which the weighted squares sum to their degrees of freedom, at least 0.

    Rows as of `pool`, an infinite variance where there is no effect: shape `(p,)`. Newton's steps from 0 never pass the
    root, as the sum of squares is convex and falls with τ².
    """
    freedom = np.isfinite(variances).sum(axis=1) - 1.0
    tau2 = np.zeros(len(effects))
    for _ in range(_STEPS):
        weights = 1 / (variances + tau2[:, None])
        mean = (weights * effects).sum(axis=1) / weights.sum(axis=1)
        squares = weights * (effects - mean[:, None]) ** 2
        excess, slope = squares.sum(axis=1) - freedom, (weights * squares).sum(axis=1)
        step = np.divide(excess, slope, out=np.zeros_like(tau2), where=excess > 0)
        tau2 += step
        if (step <= _ENOUGH * tau2).all():
            break
    return tau2


def _spread_out(values: Array, rows: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Array:
    found = np.full(len(rows), np.nan)
    found[rows] = values
    return found
