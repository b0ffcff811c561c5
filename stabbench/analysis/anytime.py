"""A test of two failure rates that may be looked at after every seed, by Turner, Ly and Grünwald's (2024) e-values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stabbench.analysis.spread import Array

PRIOR = 0.18
"""Both parameters of the Beta distribution whose mean is what is expected before the first seed: the authors' choice
for blocks of one run of each arm."""
Flags = npt.NDArray[np.bool_]


def log_e_values(failed_a: Flags, failed_b: Flags, prior: float = PRIOR) -> Array:
    """The log e-value after each block `(k, n)`, for rows of failures `(k, n)` of two arms in the order of their seeds.

    A block is one run of each arm. Its factor is the likelihood of its two outcomes under the rates a and b that the
    blocks before it suggest, (prior + failed) / (2 prior + runs), over that under the rate (a + b) / 2 for both. Where
    both rates are equal, whatever they are, each factor's expectation is at most 1, given all blocks before: the
    product is a test supermartingale, and P(some e-value >= 1 / α) <= α (Ville), however one looks and stops. It stays
    so where the two runs of a block are positively correlated, as runs of one seed may be; not where negatively.
    """
    a, b = (flags.astype(np.float64) for flags in (failed_a, failed_b))
    before = np.arange(a.shape[1])
    rate_a, rate_b = ((prior + np.cumsum(x, axis=1) - x) / (2 * prior + before) for x in (a, b))
    pooled = (rate_a + rate_b) / 2
    logs = sum(
        np.where(x > 0, np.log(rate) - np.log(pooled), np.log1p(-rate) - np.log1p(-pooled))
        for x, rate in ((a, rate_a), (b, rate_b))
    )
    return np.asarray(np.cumsum(logs, axis=1))


@dataclass(frozen=True)
class Evidence:
    """That two arms fail at different rates; all numbers over the runs up to the shorter arm's last."""

    e: float
    """The e-value now: how many times what was staked one would have by betting against equal rates."""
    largest: float
    """The largest that it has been."""
    seeds: int
    """Pairs of runs that were counted."""

    @property
    def p(self) -> float:
        """min(1, 1 / largest): a p-value at whatever moment one looks."""
        return min(1.0, 1 / self.largest)


def evidence(failed_a: Sequence[bool], failed_b: Sequence[bool], prior: float = PRIOR) -> Evidence:
    """The e-value of two arms' failures, in the order of seeds; runs that only one arm has are not counted."""
    n = min(len(failed_a), len(failed_b))
    if n == 0:
        return Evidence(1.0, 1.0, 0)
    rows = [np.asarray(flags[:n], dtype=np.bool_)[None] for flags in (failed_a, failed_b)]
    logs = log_e_values(rows[0], rows[1], prior)[0]
    return Evidence(math.exp(logs[-1]), math.exp(max(0.0, float(logs.max()))), n)
