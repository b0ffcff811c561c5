"""The level over tasks, as rliable has it (Agarwal et al., 2021): interquartile mean and probability of improvement.

Point estimates are rliable's; intervals are percentiles of a stratified bootstrap, which draws the seeds of each task
anew: they speak of these tasks with other seeds, not of other tasks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from scipy import special

from stabbench.analysis.permutation import PERMUTATION_SEED
from stabbench.analysis.spread import Array, ascending

RESAMPLES = 1_999
TRIMMED = 4
"""One part in so many is cut off at each end."""
_NUMBERS_AT_ONCE = 2_000_000
Estimate = tuple[float, float, float]
"""A number with its 95 % interval."""


class Resamples:
    """How often each seed of a task is drawn, the same for all strategies with as many seeds.

    The two sides of a comparison have draws of their own, and so have tasks, by their place.
    """

    def __init__(self, resamples: int = RESAMPLES) -> None:
        self.resamples = resamples
        self._drawn: dict[tuple[int, int, int], np.ndarray[tuple[int, int], np.dtype[np.float32]]] = {}

    def counts(self, side: int, place: int, n: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        """Shape `(resamples, n)`; whole numbers."""
        key = (side, place, n)
        if key not in self._drawn:
            random = np.random.default_rng([PERMUTATION_SEED, *key])
            places = random.integers(0, n, (self.resamples, n)) + n * np.arange(self.resamples)[:, None]
            found = np.bincount(places.ravel(), minlength=n * self.resamples).reshape(self.resamples, n)
            self._drawn[key] = found.astype(np.float32)
        return self._drawn[key]


def interquartile_mean(scores: Sequence[Array], resamples: Resamples | None, confidence: float = 0.95) -> Estimate:
    """Mean of the middle half of the scores of all tasks, each `(n,)`, with its interval.

    Of as many scores a task it is `scipy.stats.trim_mean(scores, .25)` over all of them, as in rliable; else tasks
    count alike: a score weighs one over the number of its task's. Without `resamples` the interval is asymptotic.
    """
    values = np.concatenate(scores)
    tasks = np.repeat(np.arange(len(scores)), [part.size for part in scores])
    weights = 1 / (len(scores) * np.bincount(tasks)[tasks])
    cut = (values.size // TRIMMED) / values.size
    order = np.argsort(values, kind="stable")
    values, weights, tasks = values[order], weights[order], tasks[order]
    found = float(_trimmed(values, weights[None], cut)[0])
    if resamples is None:
        half = float(special.ndtri((1 + confidence) / 2)) * _asymptotic_error(values, weights, tasks, cut)
        return found, found - half, found + half
    drawn = [resamples.counts(0, place, part.size) for place, part in enumerate(scores)]
    means = [_trimmed(values, weights * counts[:, order], cut) for counts in _blocks(drawn, values.size)]
    low, high = np.quantile(np.concatenate(means), [(1 - confidence) / 2, (1 + confidence) / 2])
    return found, float(low), float(high)


def _blocks(drawn: Sequence[np.ndarray[tuple[int, int], np.dtype[np.float32]]], width: int) -> Iterator[Array]:
    rows = max(1, _NUMBERS_AT_ONCE // width)
    for start in range(0, len(drawn[0]), rows):
        yield np.concatenate([part[start : start + rows] for part in drawn], axis=1).astype(np.float64)


def _trimmed(ordered: Array, weights: Array, cut: float) -> Array:
    """Means of sorted scores `(N,)` under weights `(r, N)` that sum to 1, without `cut` of them at each end: `(r,)`."""
    ends = np.clip(np.cumsum(weights, axis=1), cut, 1 - cut)
    kept = np.diff(ends, axis=1, prepend=cut)
    return np.asarray(kept @ ordered / (1 - 2 * cut))


def _asymptotic_error(
    ordered: Array, weights: Array, tasks: np.ndarray[tuple[int], np.dtype[np.int64]], cut: float
) -> float:
    """Standard error of the trimmed mean by its influence function, the winsorised score; variances within tasks."""
    reached = np.cumsum(weights)
    low, high = (ordered[min(int(np.searchsorted(reached, share)), ordered.size - 1)] for share in (cut, 1 - cut))
    clipped = np.clip(ordered, low, high)
    n = np.bincount(tasks)
    centred = clipped - (np.bincount(tasks, clipped) / n)[tasks]
    variances = np.bincount(tasks, centred**2) / np.maximum(n - 1, 1) / n
    return math.sqrt(float(variances.sum())) / len(n) / (1 - 2 * cut)


def improvement(
    a: Sequence[Array], b: Sequence[Array], resamples: Resamples | None, confidence: float = 0.95
) -> Estimate:
    """Probability that a run of `a` scores more than one of `b`, ties as half, mean over tasks, with its interval.

    `a` and `b` hold the scores of each task, `(n_a,)` and `(n_b,)`. Without `resamples` the interval is asymptotic
    (DeLong et al., 1988), cut to 0 and 1.
    """
    pairs = [_above(x, y) for x, y in zip(a, b, strict=True)] if resamples is not None else []
    if resamples is None:
        return _asymptotic_improvement(a, b, confidence)
    found = float(np.mean([above.mean() for above in pairs]))
    drawn = np.zeros(resamples.resamples)
    for place, above in enumerate(pairs):
        left, right = (resamples.counts(side, place, above.shape[side]) for side in (0, 1))
        drawn += np.einsum("rb,rb->r", left @ above.astype(np.float32), right) / above.size
    low, high = np.quantile(drawn / len(pairs), [(1 - confidence) / 2, (1 + confidence) / 2])
    return found, float(low), float(high)


def _above(a: Array, b: Array) -> Array:
    """1 where a score of `a` `(n_a,)` is above that of `b` `(n_b,)`, half where they are equal: `(n_a, n_b)`."""
    return np.asarray((a[:, None] > b) + 0.5 * (a[:, None] == b), dtype=np.float64)


def _asymptotic_improvement(a: Sequence[Array], b: Sequence[Array], confidence: float) -> Estimate:
    means, variances = [], []
    for x, y in zip(a, b, strict=True):
        x, y = ascending(x), ascending(y)
        below_x, below_y = _placements(x, y), _placements(y, x)
        means.append(float(below_x.mean()))
        variances.append(sum(part.var(ddof=1) / part.size if part.size > 1 else 0.0 for part in (below_x, below_y)))
    mean = float(np.mean(means))
    half = float(special.ndtri((1 + confidence) / 2)) * math.sqrt(sum(variances)) / len(means)
    return mean, max(0.0, mean - half), min(1.0, mean + half)


def _placements(x: Array, y: Array) -> Array:
    """For each of the sorted scores `x` the share of the sorted `y` below it, equal ones as half."""
    return np.asarray((np.searchsorted(y, x, "left") + np.searchsorted(y, x, "right")) / (2 * y.size))
