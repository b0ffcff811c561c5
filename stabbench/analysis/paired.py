"""Comparisons that use the seeds two strategies share; how much seeds tie their scores together, and paired tests.

A seed gives two strategies the same initial head and data order, which may or may not correlate their scores: the
correlation says. Unpaired tests are the default; everything here is paired and is called so in every table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from stabbench.analysis.permutation import PERMUTATIONS, RESAMPLED_UP_TO
from stabbench.analysis.spread import is_constant

Array = npt.NDArray[np.float64]
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


def seed_correlation(a: Array, b: Array) -> float:
    """Pearson's correlation of the scores `(n,)` over seeds; NaN under three seeds or where one side is constant."""
    if a.size < 3 or is_constant(a) or is_constant(b):
        return math.nan
    return float(stats.pearsonr(a, b).statistic)


def pitman_morgan(a: Array, b: Array) -> float | None:
    """Paired, two-sided p-value that both have the same variance: the correlation of sums with differences is 0.

    For normal scores (Pitman, 1939; Morgan, 1939); collapsed runs break its level. 1 where all differences are the
    same; None under three seeds or where one side is constant.
    """
    if a.size < 3 or is_constant(a) or is_constant(b):
        return None
    a, b = a - a.mean(), b - b.mean()
    if np.ptp(a - b) <= 1e-12 * np.ptp(a) or np.ptp(a + b) <= 1e-12 * np.ptp(a):
        return 1.0
    return float(stats.pearsonr(a + b, a - b).pvalue)


def swap_test(a: Array, b: Array, random: np.random.Generator, permutations: int = PERMUTATIONS) -> float | None:
    """Paired p-value of the log std ratio: median-centred residuals are swapped within seeds at random.

    None where `pitman_morgan` is None, and for more than `RESAMPLED_UP_TO` seeds.
    """
    if a.size < 3 or a.size > RESAMPLED_UP_TO or is_constant(a) or is_constant(b):
        return None
    return float(swap_tests(a[None], b[None], random, permutations)[0])


def swap_tests(a: Array, b: Array, random: np.random.Generator, permutations: int = PERMUTATIONS) -> Array:
    """`swap_test` for each row of `a` and `b`, both `(k, n)`: p-values `(k,)`; all rows share one set of swaps."""
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


def wilcoxon(a: Array, b: Array) -> float | None:
    """Paired, two-sided p-value of Wilcoxon's signed-rank test on the level; seeds with equal scores are left out.

    Differences that differ by rounding alone share their rank. Exact up to 25 seeds whose differences differ in size,
    else asymptotic with the correction for ties. 1 where all differences are 0; None without seeds.
    """
    if a.size == 0:
        return None
    differences = np.sort(a - b)
    largest = float(np.abs(differences).max())
    differences = np.round(differences / (largest or 1.0), 9)
    sizes = np.abs(differences[differences != 0])
    if sizes.size == 0:
        return 1.0
    exact = sizes.size == a.size <= 25 and np.unique(sizes).size == sizes.size
    return float(stats.wilcoxon(differences, zero_method="wilcox", method="exact" if exact else "approx").pvalue)


def mcnemar(failed_a: Flags, failed_b: Flags) -> float | None:
    """Paired, two-sided p-value of McNemar's exact test on failures, over the seeds on which one side alone failed.

    1 where there is no such seed; None without seeds.
    """
    if failed_a.size == 0:
        return None
    only_a, only_b = int((failed_a & ~failed_b).sum()), int((failed_b & ~failed_a).sum())
    return float(stats.binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
