"""Whether two cells differ in level: Welch's t test and the Mann-Whitney test; both unpaired and two-sided."""

from __future__ import annotations

import numpy as np
from scipy import stats

from stabbench.analysis.spread import Scores, ascending, is_constant, standard_deviation


def welch(a: Scores, b: Scores) -> float | None:
    """p-value of Welch's t test for equal means of scores `(n_a,)` and `(n_b,)`, whose variances may differ.

    None (n/a) where a sample has fewer than two scores or both are constant.
    """
    x, y = ascending(a), ascending(b)
    if min(x.size, y.size) < 2 or (is_constant(x) and is_constant(y)):
        return None
    moments = [(float(z.mean()), standard_deviation(z), z.size) for z in (x, y)]
    return float(stats.ttest_ind_from_stats(*moments[0], *moments[1], equal_var=False).pvalue)


def mann_whitney(a: Scores, b: Scores) -> float | None:
    """p-value of the Mann-Whitney test that neither sample tends to score higher.

    Exact in small samples without ties, else asymptotic with corrections for ties and continuity. It tests the level
    only where the samples have the same shape. 1 where all scores are the same; None where a sample is empty.
    """
    x, y = ascending(a), ascending(b)
    if min(x.size, y.size) == 0:
        return None
    if is_constant(np.concatenate([x, y])):
        return 1.0
    return float(stats.mannwhitneyu(x, y, alternative="two-sided", method="auto").pvalue)
