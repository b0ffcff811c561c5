"""Comparisons that use the seeds two strategies share; how much seeds tie their scores together, and paired tests.

A seed gives two strategies the same initial head and data order, which may or may not correlate their scores: the
correlation says. Unpaired tests are the default; everything here is paired and is called so in every table.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special, stats

from stabbench.analysis.permutation import PERMUTATIONS, RESAMPLED_UP_TO
from stabbench.analysis.spread import Array, constant_rows, where_defined

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Pairs:
    """Scores `(n,)` and failures `(n,)` of two strategies on the seeds that both have, in the seeds' order.

    Failures are of shape `(0,)` where not all are known.
    """

    a: Array
    b: Array
    failed_a: Flags
    failed_b: Flags


@dataclass(frozen=True)
class BySeed:
    """Scores and failures `(n,)` of one strategy by rising seed `(n,)`; failures `(0,)` where not all are known."""

    seeds: npt.NDArray[np.int64]
    scores: Array
    failed: Flags

    @classmethod
    def of(cls, runs: pd.DataFrame) -> BySeed:
        """The finished runs of a cell, each seed once."""
        rows = runs.sort_values("seed")
        known = bool(rows["failed"].notna().all())
        failed = rows["failed"].to_numpy(dtype=np.bool_) if known else np.zeros(0, dtype=np.bool_)
        return cls(rows["seed"].to_numpy(dtype=np.int64), rows["score"].to_numpy(dtype=np.float64), failed)

    def _at(self, places: npt.NDArray[np.int64]) -> tuple[Array, Flags]:
        return self.scores[places], self.failed[places] if self.failed.size else self.failed


def pairs(a: BySeed, b: BySeed) -> Pairs:
    """The runs of two strategies with the same seed; no failures where not all are known."""
    if np.array_equal(a.seeds, b.seeds):
        shared = a.scores, a.failed, b.scores, b.failed
    else:
        _, in_a, in_b = np.intersect1d(a.seeds, b.seeds, assume_unique=True, return_indices=True)
        shared = (*a._at(in_a), *b._at(in_b))
    scores_a, failed_a, scores_b, failed_b = shared
    if failed_a.size != failed_b.size:
        failed_a, failed_b = failed_a[:0], failed_b[:0]
    return Pairs(scores_a, scores_b, failed_a, failed_b)


def seed_correlation(a: Array, b: Array) -> Array:
    """Pearson's correlation over seeds of each row of `a` with the same row of `b`, both `(k, n)`: shape `(k,)`.

    NaN under three seeds or where one side is constant.
    """
    return where_defined(_both_vary(a, b), _correlations, a, b)


def _both_vary(a: Array, b: Array) -> Flags:
    return np.full(len(a), a.shape[1] >= 3) & ~constant_rows(a) & ~constant_rows(b)


def _correlations(a: Array, b: Array) -> Array:
    a, b = (x - x.mean(axis=1, keepdims=True) for x in (a, b))
    a, b = (x / np.sqrt((x**2).sum(axis=1, keepdims=True)) for x in (a, b))
    return np.asarray(np.clip((a * b).sum(axis=1), -1, 1))


def pitman_morgan(a: Array, b: Array) -> Array:
    """Paired, two-sided p-values that rows of `a` and `b`, both `(k, n)`, have the same variance: shape `(k,)`.

    That is, that the correlation of sums with differences is 0, for normal scores (Pitman, 1939; Morgan, 1939);
    collapsed runs break its level. 1 where all differences are the same; NaN where `seed_correlation`'s is.
    """
    return where_defined(_both_vary(a, b), _pitman_morgan, a, b)


def _pitman_morgan(a: Array, b: Array) -> Array:
    a, b = (x - x.mean(axis=1, keepdims=True) for x in (a, b))
    total, difference = a + b, a - b
    smallest = 1e-12 * np.ptp(a, axis=1)
    differ = (np.ptp(total, axis=1) > smallest) & (np.ptp(difference, axis=1) > smallest)
    r = np.abs(where_defined(differ, _correlations, total, difference))
    shape = a.shape[1] / 2 - 1
    return np.where(differ, 2 * special.betainc(shape, shape, (1 - r) / 2), 1.0)


def swap_tests(a: Array, b: Array, random: np.random.Generator, permutations: int = PERMUTATIONS) -> Array:
    """Paired p-values of the log std ratio of each row of `a` and `b`, both `(k, n)`: shape `(k,)`.

    Median-centred residuals are swapped within seeds at random; all rows share their swaps. NaN where
    `seed_correlation`'s is, and for more than `RESAMPLED_UP_TO` seeds.
    """
    rows = _both_vary(a, b) & (a.shape[1] <= RESAMPLED_UP_TO)
    return where_defined(rows, partial(_swap_tests, random=random, permutations=permutations), a, b)


def _swap_tests(a: Array, b: Array, random: np.random.Generator, permutations: int) -> Array:
    left, right = (x - np.median(x, axis=1, keepdims=True) for x in (a, b))
    swaps = (random.random((left.shape[1], permutations)) < 0.5).astype(np.float64)
    sums = _swapped(left, right, swaps), _swapped(right, left, swaps)
    squares = _swapped(left**2, right**2, swaps), _swapped(right**2, left**2, swaps)
    n = left.shape[1]
    variances = [np.maximum(square - total**2 / n, 1e-300) for total, square in zip(sums, squares, strict=True)]
    drawn = np.abs(np.log(variances[0]) - np.log(variances[1]))
    around = [np.maximum(x.var(axis=1) * n, 1e-300) for x in (left, right)]
    observed = np.abs(np.log(around[0]) - np.log(around[1]))
    return np.asarray((1 + (drawn >= observed[:, None] - 1e-9).sum(axis=1)) / (1 + permutations))


def _swapped(mine: Array, other: Array, swaps: Array) -> Array:
    return np.asarray(mine.sum(axis=1, keepdims=True) + (other - mine) @ swaps)


def wilcoxon(a: Array, b: Array) -> Array:
    """Paired, two-sided p-values of Wilcoxon's signed-rank test on the level of `a` and `b`, both `(k, n)`: `(k,)`.

    Seeds with equal scores are left out, and differences that differ by rounding alone share their rank. Exact up to
    25 seeds whose differences differ in size, else asymptotic with the correction for ties. 1 where all differences
    are 0; NaN without seeds.
    """
    n = a.shape[1]
    if n == 0:
        return np.full(len(a), np.nan)
    differences = a - b
    largest = np.abs(differences).max(axis=1, keepdims=True)
    differences = np.round(differences / np.where(largest > 0, largest, 1.0), 9)
    sizes, zero = np.abs(differences), differences == 0
    left = n - zero.sum(axis=1)
    ranks = np.where(zero, 0.0, stats.rankdata(sizes, axis=1) - (n - left)[:, None])
    squares = (ranks**2).sum(axis=1)  # four times the variance of the sum of ranks; ties make it smaller
    distance = np.abs((ranks * (differences > 0)).sum(axis=1) - left * (left + 1) / 4)
    z = np.divide(2 * distance, np.sqrt(squares), out=np.zeros(len(a)), where=squares > 0)
    p = 2 * stats.norm.sf(z)
    exact = (left == n) & (squares == n * (n + 1) * (2 * n + 1) / 6) & (n <= 25)
    if exact.any():
        p[exact] = stats.wilcoxon(differences[exact], axis=1, method="exact").pvalue
    return np.asarray(p)


def mcnemar(failed_a: Flags, failed_b: Flags) -> float | None:
    """Paired, two-sided p-value of McNemar's exact test on failures, over the seeds on which one side alone failed.

    1 where there is no such seed; None without seeds.
    """
    if failed_a.size == 0:
        return None
    only_a, only_b = int((failed_a & ~failed_b).sum()), int((failed_b & ~failed_a).sum())
    return _mcnemar_exact(only_a, only_a + only_b) if only_a + only_b else 1.0


@cache
def _mcnemar_exact(only_a: int, either: int) -> float:
    return float(stats.binomtest(only_a, either).pvalue)
