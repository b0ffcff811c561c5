"""Whether two cells differ in level: Welch's t test and the Mann-Whitney test; both unpaired and two-sided."""

from __future__ import annotations

import numpy as np
from scipy import stats

from stabbench.analysis.spread import Array, ascending, constant_rows

LARGEST_EXACT = 8
"""Scores of the smaller sample up to which the Mann-Whitney test without ties is exact, as SciPy chooses."""


def welch(a: Array, b: Array) -> Array:
    """p-values of Welch's t test for equal means, each row of `a` `(k, n_a)` against the same row of `b` `(k, n_b)`.

    Shape `(k,)`. Variances may differ; NaN (n/a) where a sample has fewer than two scores or both are constant.
    """
    if min(a.shape[1], b.shape[1]) < 2:
        return np.full(len(a), np.nan)
    moments = []
    for x in (ascending(a), ascending(b)):
        moments += [x.mean(axis=1), np.where(constant_rows(x), 0.0, x.std(axis=1, ddof=1)), x.shape[1]]
    with np.errstate(invalid="ignore", divide="ignore"):
        p = stats.ttest_ind_from_stats(*moments, equal_var=False).pvalue
    return np.where(constant_rows(a) & constant_rows(b), np.nan, p)


def mann_whitney(a: Array, b: Array) -> Array:
    """p-values of the Mann-Whitney test that neither sample tends to score higher: rows and shape as of `welch`.

    Exact without ties where a sample has at most `LARGEST_EXACT` scores, else asymptotic with corrections for ties and
    continuity. It tests the level only where the samples have the same shape. 1 where all scores are the same; NaN
    where a sample is empty.
    """
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
