"""Every test of `stabbench.analysis` for many pairs of samples at once, `(k, n)` against `(k, n)`: p-values `(k,)`.

An undefined p-value (n/a) is 1: it rejects nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import numpy.typing as npt

from stabbench.analysis.failures import fisher_exact
from stabbench.analysis.levels import mann_whitney, welch
from stabbench.analysis.paired import mcnemar, pitman_morgan, swap_tests, wilcoxon
from stabbench.analysis.permutation import permutation_tests
from stabbench.analysis.variances import CENTERS, fligner_killeen, levene

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
    by_center = {center: levene(a, b, center) for center in CENTERS}
    permuted = permutation_tests(a, b, random, permutations)
    spread = {
        "star": np.maximum(by_center["median"], permuted.levene),
        "permutation": permuted.levene,
        "Levene, median": by_center["median"],
        "Levene, mean": by_center["mean"],
        "log std ratio, permutation": permuted.log_std_ratio,
        "Fligner-Killeen": fligner_killeen(a, b),
        "paired: Pitman-Morgan": pitman_morgan(a, b),
        "paired: swaps within seeds": swap_tests(a, b, random, permutations),
    }
    level = {
        "Welch": welch(a, b),
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


@cache
def _fisher(failed_a: int, failed_b: int, n: int) -> float:
    p = fisher_exact(failed_a, n, failed_b, n)
    return 1.0 if p is None else p


@cache
def _mcnemar(only_a: int, only_b: int) -> float:
    flags = np.arange(only_a + only_b) < only_a
    p = mcnemar(flags, ~flags)
    return 1.0 if p is None else p
