"""Whether two cells differ in level: Welch's t test and the Mann-Whitney test; both unpaired and two-sided."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

from stabbench.analysis.spread import Scores, ascending, constant_rows, of_one_pair

LARGEST_EXACT = 8
"""Scores of the smaller sample up to which the Mann-Whitney test without ties is exact, as SciPy chooses."""
Array = npt.NDArray[np.float64]


def welch(a: Scores, b: Scores) -> float | None:
    """p-value of Welch's t test for equal means of scores `(n_a,)` and `(n_b,)`, whose variances may differ.

    None (n/a) where a sample has fewer than two scores or both are constant.
    """
    return of_one_pair(welch_tests, a, b)


def welch_tests(a: Array, b: Array) -> Array:
    """`welch` of each row of `a` `(k, n_a)` against the same row of `b` `(k, n_b)`: shape `(k,)`, NaN for None."""
    if min(a.shape[1], b.shape[1]) < 2:
        return np.full(len(a), np.nan)
    moments = []
    for x in (ascending(a), ascending(b)):
        moments += [x.mean(axis=1), np.where(constant_rows(x), 0.0, x.std(axis=1, ddof=1)), x.shape[1]]
    with np.errstate(invalid="ignore", divide="ignore"):
        p = stats.ttest_ind_from_stats(*moments, equal_var=False).pvalue
    return np.where(constant_rows(a) & constant_rows(b), np.nan, p)


def mann_whitney(a: Scores, b: Scores) -> float | None:
    """p-value of the Mann-Whitney test that neither sample tends to score higher.

    Exact without ties where a sample has at most `LARGEST_EXACT` scores, else asymptotic with corrections for ties and
    continuity. It tests the level only where the samples have the same shape. 1 where all scores are the same; None
    where a sample is empty.
    """
    return of_one_pair(mann_whitney_tests, a, b)


def mann_whitney_tests(a: Array, b: Array) -> Array:
    """`mann_whitney` of each row of `a` `(k, n_a)` against that row of `b` `(k, n_b)`: shape `(k,)`, NaN for None."""
    smaller = min(a.shape[1], b.shape[1])
    if smaller == 0:
        return np.full(len(a), np.nan)
    both = np.concatenate([a, b], axis=1)
    untied = np.zeros(len(a), dtype=np.bool_)
    if smaller <= LARGEST_EXACT:
        untied = (np.diff(ascending(both), axis=1) != 0).all(axis=1)
    found = np.ones(len(a))
    for rows, method in ((~untied & ~constant_rows(both), "asymptotic"), (untied, "exact")):
        if rows.any():
            found[rows] = stats.mannwhitneyu(a[rows], b[rows], axis=1, method=method).pvalue
    return found
