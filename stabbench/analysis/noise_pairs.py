"""Whether two strategies spread differently beyond the noise of the dev set that both were scored on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from stabbench.analysis.contributions import Contributions
from stabbench.analysis.noise import noise
from stabbench.analysis.permutation import RESAMPLED_UP_TO

PERMUTATIONS = 1_999
FEW = 10
"""Of so many permutations that are as large as what is seen, or more, no further ones are needed."""
FOR_EACH_TEST = 50
"""Permutations for each test that a p-value is adjusted for: after Holm the smallest that there can be is 1/50."""
FEWEST = 5
"""Runs of each, under which no permutation makes much of a difference."""
CALIBRATED_RUNS = 25
"""Runs of each with which the test kept its level in every simulated case; with 10 it did not."""
_ROUNDING = 1e-9

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class BeyondTest:
    """Two cells' variances beyond the floor, and the test of their equality."""

    first: float
    second: float
    p: float
    """Two-sided; NaN where it is not defined."""


def kernel(values: Floats) -> Floats:
    """h(r, s) = ((Σ d_i)² − Σ d_i²) / (2n(n − 1)) of contributions `(runs, n)`, d = y_r − y_s; shape `(runs, runs)`.

    Its mean over pairs of runs is the variance beyond the floor: a U-statistic over seeds and examples.
    """
    units = values.shape[1]
    sums, products = values.sum(axis=1), values @ values.T
    squares = np.diag(products)
    found = (sums[:, None] - sums) ** 2 - (squares[:, None] + squares - 2 * products)
    return np.asarray(found / (2 * units * (units - 1)))


def permutations_of(tests: int) -> int:
    """Up to how many permutations each of so many tests makes, so that all can be adjusted for."""
    return max(PERMUTATIONS, FOR_EACH_TEST * tests - 1)


def equal_beyond(
    a: Contributions,
    b: Contributions,
    random: np.random.Generator,
    permutations: int = PERMUTATIONS,
    most: int = PERMUTATIONS,
) -> BeyondTest:
    """Test of equal variances beyond the floor of two cells with the same examples, whatever their levels and floors.

    Each example's mean over a cell's runs is taken away, runs are permuted between the cells, and what is compared is
    the difference of the two U-statistics over its standard error by a jackknife over runs: such studentised
    permutations keep their level also where the cells differ in all else (Janssen, 1997; Chung and Romano, 2013), the
    more so the more runs there are. Where fewer than `FEW` of the permutations are as large as what is seen, there are
    `most` in all (after Besag and Clifford, 1991): a small p is one of many tests'. Of more than `RESAMPLED_UP_TO` runs
    it is asymptotic. Its measured level is in reports/benchmarks/calibration-noise.md.
    """
    pair = [noise(side) for side in (a, b)]
    first, second = (math.nan if found is None else found.beyond for found in pair)
    sizes = len(a.values), len(b.values)
    if a.values.shape[1] != b.values.shape[1] or min(sizes) < FEWEST:
        return BeyondTest(first, second, math.nan)
    pooled = np.concatenate([side.values - side.values.mean(axis=0) for side in (a, b)])
    pairs, seen = kernel(pooled), np.repeat([1.0, 0.0], sizes)
    (difference,) = _studentised(pairs, seen[None])
    if math.isnan(difference):
        return BeyondTest(first, second, math.nan)
    if sum(sizes) > RESAMPLED_UP_TO:
        return BeyondTest(first, second, float(2 * stats.norm.sf(difference)))

    def as_large(drawn: int) -> int:
        found = _studentised(pairs, random.permuted(np.tile(seen, (drawn, 1)), axis=1))
        return int((np.nan_to_num(found) >= difference * (1 - _ROUNDING)).sum())

    found = as_large(permutations)
    if found >= FEW or most <= permutations:
        return BeyondTest(first, second, (1 + found) / (1 + permutations))
    found += as_large(most - permutations)
    return BeyondTest(first, second, (1 + found) / (1 + most))


def _studentised(pairs: Floats, first: Floats) -> Floats:
    """|difference of both cells' means of `pairs`| over its standard error, a row of `first` each; NaN where 0/0."""
    (left, left_error), (right, right_error) = (_mean_and_error(pairs, mine) for mine in (first, 1 - first))
    error = np.sqrt(left_error + right_error)
    found = np.full(len(first), math.nan)
    np.divide(np.abs(left - right), error, out=found, where=error > 0)
    return found


def _mean_and_error(pairs: Floats, mine: Floats) -> tuple[Floats, Floats]:
    """The mean over pairs of a cell's runs, and its variance by a jackknife over them."""
    runs = int(mine[0].sum())
    to_others = mine @ pairs
    total = (to_others * mine).sum(axis=1)
    without = (total[:, None] - 2 * to_others) / ((runs - 1) * (runs - 2))
    mean = (without * mine).sum(axis=1) / runs
    spread = (mine * (without - mean[:, None]) ** 2).sum(axis=1)
    return total / (runs * (runs - 1)), (runs - 1) / runs * spread
