"""The level that the star's test really has on scores like ours: a fifth of the runs of both cells collapsed."""

from __future__ import annotations

import numpy as np
from scipy import stats

from stabbench.analysis.permutation import PERMUTATIONS, permutation_tests
from stabbench.analysis.variances import Center, levene_statistic

COLLAPSED_SHARE = 0.2
COLLAPSED_BELOW = 10.0
_SIMULATED_SCORES_AT_ONCE = 2_000_000


def false_positive_rate(
    n: int, alpha: float, center: Center, random: np.random.Generator, repetitions: int = 100_000
) -> float:
    """Share of comparisons of two equally unstable cells of `n` seeds whose p-value for the star is under `alpha`.

    A score is normal (sd 1); with probability 0.2 the run collapsed and has one fixed score 10 sd below. The star's
    p-value is that of `stability`; permutations, 100 / `alpha` at most, are drawn only where the asymptotic p-value is
    under `alpha`.
    """
    critical = float(stats.f.isf(alpha, 1, 2 * n - 2))
    permutations = min(PERMUTATIONS, round(100 / alpha) - 1)
    rejected, left = 0, repetitions
    while left:
        count = min(left, max(1, _SIMULATED_SCORES_AT_ONCE // (2 * n)))
        scores = random.standard_normal((count, 2 * n))
        scores[random.random((count, 2 * n)) < COLLAPSED_SHARE] = -COLLAPSED_BELOW
        a, b = scores[:, :n], scores[:, n:]
        constant = (np.ptp(a, axis=1) == 0) | (np.ptp(b, axis=1) == 0)
        under = (levene_statistic(a, b, center) > critical) & ~constant
        if center == "median" and under.any():
            rejected += int((permutation_tests(a[under], b[under], random, permutations).levene < alpha).sum())
        else:
            rejected += int(under.sum())
        left -= count
    return rejected / repetitions
