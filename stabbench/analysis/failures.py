"""How often runs fail: Wilson intervals of the share, and Fisher's exact test between two cells."""

from __future__ import annotations

import math
from functools import cache

from scipy import special, stats


def wilson_interval(failed: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of the share `failed / n`; (NaN, NaN) where n is 0.

    Raises ValueError unless 0 <= failed <= n.
    """
    if not 0 <= failed <= n:
        raise ValueError(f"found {failed} failed runs of {n}, expected 0 <= failed <= n")
    if n == 0:
        return math.nan, math.nan
    share, quantile = failed / n, -float(special.ndtri((1 - confidence) / 2))
    whole = 1 + quantile**2 / n
    centre = (share + quantile**2 / (2 * n)) / whole
    half = quantile * math.sqrt(share * (1 - share) / n + quantile**2 / (4 * n**2)) / whole
    return 0.0 if failed == 0 else centre - half, 1.0 if failed == n else centre + half


def fisher_exact(failed_a: int, n_a: int, failed_b: int, n_b: int) -> float | None:
    """Two-sided p-value of Fisher's exact test that two cells fail equally often; None where one has no runs."""
    for failed, n in ((failed_a, n_a), (failed_b, n_b)):
        if not 0 <= failed <= n:
            raise ValueError(f"found {failed} failed runs of {n}, expected 0 <= failed <= n")
    return None if n_a == 0 or n_b == 0 else _fisher_exact(failed_a, n_a, failed_b, n_b)


@cache
def _fisher_exact(failed_a: int, n_a: int, failed_b: int, n_b: int) -> float:
    return float(stats.fisher_exact([[failed_a, n_a - failed_a], [failed_b, n_b - failed_b]]).pvalue)
