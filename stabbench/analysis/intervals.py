"""How much wider one cell spreads than another: bootstrap interval of the log ratio of their standard deviations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from stabbench.analysis.permutation import RESAMPLED_UP_TO
from stabbench.analysis.spread import Array, Scores, ascending, is_constant, standard_deviation

RESAMPLES = 9_999
_NUMBERS_AT_ONCE = 2_000_000
_CONSTANT = 1e-10


@dataclass(frozen=True)
class StdRatio:
    """Standard deviation of the first sample over the second's, with its interval; a bound is NaN: not estimable."""

    ratio: float
    low: float
    high: float


def std_ratio(
    a: Scores,
    b: Scores,
    random: np.random.Generator,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
) -> StdRatio:
    """Ratio of the standard deviations (ddof 1) of scores `(n_a,)` and `(n_b,)` with an interval.

    Percentile bootstrap of the log ratio, both samples drawn anew; the measured coverage is in
    reports/benchmarks/calibration.md. Its bounds are NaN, not estimable, where a resample has a standard deviation of
    0; the ratio is NaN where a sample is constant or single. Samples of more than `RESAMPLED_UP_TO` scores get the
    asymptotic interval (delta method). Swapping the samples inverts all three numbers; the order of scores is of no
    account.
    """
    return std_ratios([(a, b)], lambda: random, resamples, confidence)[0]


def std_ratios(
    samples: Sequence[tuple[Scores, Scores]],
    random: Callable[[], np.random.Generator],
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
) -> list[StdRatio]:
    """`std_ratio` of many pairs; those of the same sizes share the resamples that a generator of `random` draws.

    Where a score is NaN, so is everything.
    """
    found: dict[int, StdRatio] = {}
    sizes: dict[tuple[int, int], dict[int, tuple[Array, Array, bool]]] = {}
    for index, pair in enumerate(samples):
        first, second = map(ascending, pair)
        unknown = any(np.isnan(side).any() for side in (first, second))
        if unknown or min(first.size, second.size) < 2 or is_constant(first) or is_constant(second):
            found[index] = StdRatio(math.nan, math.nan, math.nan)
        elif max(first.size, second.size) > RESAMPLED_UP_TO:
            found[index] = _asymptotic(first, second, confidence)
        else:
            swapped = _comes_later(first, second)
            first, second = (second, first) if swapped else (first, second)
            sizes.setdefault((first.size, second.size), {})[index] = first, second, swapped
    for same in sizes.values():
        left, right = (np.stack([pair[side] for pair in same.values()]) for side in (0, 1))
        bounds = np.exp(log_std_ratio_intervals(left, right, random(), resamples, confidence))
        for (index, (first, second, swapped)), (low, high) in zip(same.items(), bounds.tolist(), strict=True):
            ratio = StdRatio(standard_deviation(first) / standard_deviation(second), low, high)
            found[index] = StdRatio(1 / ratio.ratio, 1 / high, 1 / low) if swapped else ratio
    return [found[index] for index in range(len(samples))]


def _asymptotic(first: Array, second: Array, confidence: float) -> StdRatio:
    ratio = standard_deviation(first) / standard_deviation(second)
    half = stats.norm.isf((1 - confidence) / 2) * math.sqrt(_variance_of_log(first) + _variance_of_log(second))
    return StdRatio(ratio, ratio * math.exp(-half), ratio * math.exp(half))


def log_std_ratio_intervals(
    a: Array, b: Array, random: np.random.Generator, resamples: int = RESAMPLES, confidence: float = 0.95
) -> Array:
    """Percentile intervals of log(std of a row of `a` `(k, n_a)` / std of that row of `b` `(k, n_b)`): `(k, 2)`.

    NaN: not estimable, a resample has a standard deviation of 0. All rows share one set of resamples.
    """
    drawn = np.concatenate(
        [
            _log_std(a, counts_a) - _log_std(b, counts_b)
            for counts_a, counts_b in _resamples(a.shape[1], b.shape[1], resamples, random)
        ],
        axis=1,
    )
    drawn[np.isnan(drawn).any(axis=1)] = np.nan
    return np.asarray(np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2], axis=1).T)


def _resamples(n_a: int, n_b: int, resamples: int, random: np.random.Generator) -> Iterator[tuple[Array, Array]]:
    """How often each score is drawn, in blocks of resamples: two arrays `(n, block)`."""
    block = max(1, _NUMBERS_AT_ONCE // (n_a + n_b))
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        yield _counts(n_a, size, random), _counts(n_b, size, random)


def _counts(n: int, resamples: int, random: np.random.Generator) -> Array:
    places = random.integers(0, n, (resamples, n)) + n * np.arange(resamples)[:, None]
    return np.bincount(places.ravel(), minlength=n * resamples).reshape(resamples, n).T.astype(np.float64)


def _log_std(scores: Array, counts: Array) -> Array:
    """Log std (ddof 1) of each row `(k, n)` as resampled by `counts` `(n, resamples)`; NaN where it is 0."""
    n = scores.shape[1]
    centred = scores - scores.mean(axis=1, keepdims=True)
    squares = (centred**2) @ counts - (centred @ counts) ** 2 / n
    constant = squares <= _CONSTANT * (centred**2).max(axis=1, keepdims=True)
    logs = np.full(squares.shape, np.nan)
    np.log(squares / (n - 1), out=logs, where=~constant)
    return logs / 2


def _variance_of_log(scores: Array) -> float:
    """Asymptotic variance of the log of the standard deviation: (kurtosis − 1) / 4n."""
    squares = (scores - scores.mean()) ** 2
    kurtosis = float((squares**2).mean() / squares.mean() ** 2)
    return (kurtosis - 1) / (4 * scores.size)


def _comes_later(first: Array, second: Array) -> bool:
    """An order of two sorted samples, so that both ways of comparing them draw the same resamples."""
    if first.size != second.size:
        return first.size > second.size
    differ = np.flatnonzero(first != second)
    return bool(differ.size and first[differ[0]] > second[differ[0]])
