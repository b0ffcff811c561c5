"""Every test of `stabbench.analysis` for many pairs of samples at once, `(k, n)` against `(k, n)`: p-values `(k,)`.

Where the package tests one pair at a time, the same formula stands here for whole arrays; a test holds both together.
An undefined p-value (n/a) is 1: it rejects nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import stats

from stabbench.analysis.failures import fisher_exact
from stabbench.analysis.paired import mcnemar, swap_tests
from stabbench.analysis.permutation import permutation_tests
from stabbench.analysis.variances import fligner_killeen_tests, levene_statistic

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

SPREAD = ("star", "permutation", "Levene, median", "Levene, mean", "log std ratio, permutation", "Fligner-Killeen")
PAIRED_SPREAD = ("paired: Pitman-Morgan", "paired: swaps within seeds")
LEVEL = ("Welch", "Mann-Whitney", "paired: Wilcoxon")
FAILURES = ("Fisher", "paired: McNemar")
TESTS = (*SPREAD, *PAIRED_SPREAD, *LEVEL, *FAILURES)


def p_values(
    a: Array, b: Array, failed_a: Flags, failed_b: Flags, random: np.random.Generator, permutations: int
) -> Mapping[str, Array]:
    """The p-values of `TESTS`."""
    n = a.shape[1]
    defined = (np.ptp(a, axis=1) > 0) & (np.ptp(b, axis=1) > 0)
    levene = {center: stats.f.sf(levene_statistic(a, b, center), 1, 2 * n - 2) for center in ("median", "mean")}
    permuted = permutation_tests(a, b, random, permutations)
    spread = {
        "star": np.maximum(levene["median"], permuted.levene),
        "permutation": permuted.levene,
        "Levene, median": levene["median"],
        "Levene, mean": levene["mean"],
        "log std ratio, permutation": permuted.log_std_ratio,
        "Fligner-Killeen": fligner_killeen_tests(a, b),
        "paired: Pitman-Morgan": pitman_morgan(a, b),
        "paired: swaps within seeds": swap_tests(a, b, random, permutations),
    }
    level = {
        "Welch": _welch(a, b),
        "Mann-Whitney": mann_whitney(a, b),
        "paired: Wilcoxon": wilcoxon(a, b),
    }
    counts = failed_a.sum(axis=1), failed_b.sum(axis=1)
    alone = (failed_a & ~failed_b).sum(axis=1), (failed_b & ~failed_a).sum(axis=1)
    failures = {
        "Fisher": np.array([_fisher(int(x), int(y), n) for x, y in zip(*counts, strict=True)]),
        "paired: McNemar": np.array([_mcnemar(int(x), int(y)) for x, y in zip(*alone, strict=True)]),
    }
    known = {name: np.where(defined, p, 1.0) for name, p in spread.items()}
    return {name: np.nan_to_num(p, nan=1.0) for name, p in {**known, **level, **failures}.items()}


def pitman_morgan(a: Array, b: Array) -> Array:
    """As `stabbench.analysis.paired.pitman_morgan`."""
    total, difference = a + b, a - b
    total -= total.mean(axis=1, keepdims=True)
    difference -= difference.mean(axis=1, keepdims=True)
    scale = np.sqrt((total**2).sum(axis=1) * (difference**2).sum(axis=1))
    r = np.divide((total * difference).sum(axis=1), scale, out=np.zeros(len(a)), where=scale > 0)
    freedom = a.shape[1] - 2
    with np.errstate(divide="ignore"):
        return np.asarray(2 * stats.t.sf(np.abs(r) * np.sqrt(freedom / np.maximum(1 - r**2, 0.0)), freedom))


def _welch(a: Array, b: Array) -> Array:
    moments = [
        (x.mean(axis=1), np.where(np.ptp(x, axis=1) > 0, x.std(axis=1, ddof=1), 0.0), x.shape[1]) for x in (a, b)
    ]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(stats.ttest_ind_from_stats(*moments[0], *moments[1], equal_var=False).pvalue)


def mann_whitney(a: Array, b: Array) -> Array:
    """As `stabbench.analysis.levels.mann_whitney`."""
    ordered = np.sort(np.concatenate([a, b], axis=1), axis=1)
    tied = (np.diff(ordered, axis=1) == 0).any(axis=1)
    found = np.ones(len(a))
    for rows, method in ((tied & (np.ptp(ordered, axis=1) > 0), "asymptotic"), (~tied, "auto")):
        if rows.any():
            found[rows] = stats.mannwhitneyu(a[rows], b[rows], axis=1, method=method).pvalue
    return found


def wilcoxon(a: Array, b: Array) -> Array:
    """As `stabbench.analysis.paired.wilcoxon`."""
    difference = a - b
    size = np.abs(difference)
    equal = size[:, :, None] == size[:, None, :]
    zero = difference == 0
    left = (~zero).sum(axis=1)
    ranks = np.where(zero, 0.0, stats.rankdata(size, axis=1) - zero.sum(axis=1, keepdims=True))
    ties = np.where(zero, 0, equal.sum(axis=2) ** 2 - 1).sum(axis=1)
    variance = (left * (left + 1) * (2 * left + 1) - ties / 2) / 24
    distance = np.abs((ranks * (difference > 0)).sum(axis=1) - left * (left + 1) / 4)
    z = np.divide(distance, np.sqrt(variance), out=np.zeros(len(a)), where=variance > 0)
    p = 2 * stats.norm.sf(z)
    exact = (left == a.shape[1]) & (ties == 0) & (a.shape[1] <= 25)
    if exact.any():
        p[exact] = stats.wilcoxon(difference[exact], axis=1, method="exact").pvalue
    return np.asarray(p)


@cache
def _fisher(failed_a: int, failed_b: int, n: int) -> float:
    p = fisher_exact(failed_a, n, failed_b, n)
    return 1.0 if p is None else p


@cache
def _mcnemar(only_a: int, only_b: int) -> float:
    flags = np.arange(only_a + only_b) < only_a
    p = mcnemar(flags, ~flags)
    return 1.0 if p is None else p
