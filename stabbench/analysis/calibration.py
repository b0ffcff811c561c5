"""The level that Levene's test really has on scores like ours: a fifth of the runs of both cells collapsed."""

from __future__ import annotations

import numpy as np
from scipy import stats

from stabbench.analysis.variances import Center, levene_statistic

COLLAPSED_SHARE = 0.2
_COLLAPSED_BELOW = 10.0
_SIMULATED_SCORES_AT_ONCE = 2_000_000


def false_positive_rate(
    n: int, alpha: float, center: Center, random: np.random.Generator, repetitions: int = 100_000
) -> float:
    """Share of comparisons of two equally unstable cells of `n` seeds that come out with p < `alpha`.

    A score is normal (sd 1); with probability 0.2 the run collapsed and has one fixed score 10 sd below.
    """
    critical = float(stats.f.isf(alpha, 1, 2 * n - 2))
    rejected, left = 0, repetitions
    while left:
        count = min(left, max(1, _SIMULATED_SCORES_AT_ONCE // (2 * n)))
        scores = random.standard_normal((count, 2 * n))
        scores[random.random((count, 2 * n)) < COLLAPSED_SHARE] = -_COLLAPSED_BELOW
        statistic = levene_statistic(scores[:, :n], scores[:, n:], center)
        rejected += int((statistic > critical).sum())
        left -= count
    return rejected / repetitions
