"""Other ways to pool the ratios, measured beside ours in the same simulation: what was not taken, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy import special

from benchmarks.calibration_cases import Array
from stabbench.analysis.over_tasks import kurtosis_of
from stabbench.analysis.random_effects import Pooled, pool

Held = Callable[[Sequence[Array], Array], Array]
"""Whether the interval of the log ratios `(repetitions, tasks)` of scores `(repetitions, tasks, seeds)` holds 0."""


def _pooled_with(variance: Callable[[Array], Array]) -> Held:
    def held(scores: Sequence[Array], logs: Array) -> Array:
        found = pool(logs, np.maximum(sum(variance(side) for side in scores), 1e-12))
        return np.asarray((found.low <= 0) & (found.high >= 0))

    return held


def normal_theory(scores: Array) -> Array:
    """Variance of the log std of normal scores."""
    return np.full(scores.shape[:2], 1 / (2 * (scores.shape[2] - 1)))


def own_kurtosis(scores: Array) -> Array:
    """Delta method, each cell with its own kurtosis."""
    n = scores.shape[2]
    centred = scores - scores.mean(axis=2, keepdims=True)
    second, fourth = ((centred**power).mean(axis=2) for power in (2, 4))
    kurtosis = np.nan_to_num(kurtosis_of(np.full(second.shape, float(n)), second, fourth), nan=3.0)
    return np.asarray((np.maximum(kurtosis, 1.0) - (n - 3) / (n - 1)) / (4 * n))


def jackknife(scores: Array) -> Array:
    """Each cell's jackknife variance of its log std."""
    n = scores.shape[2]
    squares = (scores - scores.mean(axis=2, keepdims=True)) ** 2
    total = squares.sum(axis=2, keepdims=True)
    left = np.maximum(total - squares * n / (n - 1), 1e-3 * total + 1e-300)
    logs = np.log(left) / 2
    return np.asarray((n - 1) / n * ((logs - logs.mean(axis=2, keepdims=True)) ** 2).sum(axis=2))


def _unweighted(scores: Sequence[Array], logs: Array) -> Array:
    """Student's interval of the mean of the log ratios."""
    k = (~np.isnan(logs)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.nansum(logs, axis=1) / k
        error = np.sqrt(np.nansum((logs - mean[:, None]) ** 2, axis=1) / (k - 1) / k)
        return np.asarray(np.abs(mean) <= special.stdtrit(k - 1.0, 0.975) * error)


RIVALS: Mapping[str, Held] = {
    "normal theory": _pooled_with(normal_theory),
    "own kurtosis": _pooled_with(own_kurtosis),
    "jackknife": _pooled_with(jackknife),
    "unweighted t": _unweighted,
}


def true_ratio_interval(pooled: Pooled, truth: Array) -> Array:
    """Whether the usual prediction interval of a new true effect, t with (tasks − 2) degrees (Higgins, 2009), holds."""
    with np.errstate(invalid="ignore"):
        half = special.stdtrit(np.maximum(pooled.tasks - 2, 0.5), 0.975) * np.sqrt(pooled.tau**2 + pooled.error**2)
    return np.asarray(np.abs(truth - pooled.estimate) <= half)
