"""How far apart two trainings of one and the same recipe come out: what a difference must exceed to mean anything."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

CONFIDENCE = 0.95
SEEDS = (1, 3, 5, 10, 25)
"""Seeds each over which two means are set beside each other."""
RESAMPLES = 20_000
_ROUNDING = 1e-9
_DRAWN_AT_ONCE = 2_000_000
"""Scores that are drawn at a time: memory does not grow with the seeds."""

Floats = npt.NDArray[np.float64]


def margin(std: float, seeds: int) -> float:
    """What two means over so many seeds each differ by at most in `CONFIDENCE` of the cases, were scores normal."""
    return float(stats.norm.isf((1 - CONFIDENCE) / 2)) * std * math.sqrt(2 / seeds)


@dataclass(frozen=True)
class Chance:
    """How often means over `seeds` seeds each of one recipe differ by `difference` or more, either way."""

    difference: float
    seeds: int
    share: float
    seeds_needed: int
    """Seeds each from which on it happens in under 1 − `CONFIDENCE` of the cases, were scores normal."""

    @property
    def within_noise(self) -> bool:
        """Whether it happens so often that the difference says nothing."""
        return self.share > 1 - CONFIDENCE


def chance(scores: Floats, difference: float, seeds: int, random: np.random.Generator) -> Chance:
    """Of scores `(runs,)` of one recipe, at least two: of one seed each over all pairs, of more by `RESAMPLES` draws.

    The draws are of runs with replacement, their deviations widened by √(n/(n − 1)), so that they have the variance
    that is estimated. Rounding errors do not count: a difference of 0.4 reaches 0.4.
    """
    runs, least = len(scores), difference * (1 - _ROUNDING)
    if seeds == 1:
        apart = np.abs(scores[:, None] - scores)[np.triu_indices(runs, 1)]
        share = float((apart >= least).mean())
    else:
        wide = (scores - scores.mean()) * math.sqrt(runs / (runs - 1))
        block = max(1, _DRAWN_AT_ONCE // (2 * seeds))
        reached = 0
        for start in range(0, RESAMPLES, block):
            drawn = random.integers(0, runs, (min(block, RESAMPLES - start), 2, seeds))
            means = wide[drawn].mean(axis=2)
            reached += int((np.abs(means[:, 0] - means[:, 1]) >= least).sum())
        share = reached / RESAMPLES
    needed = math.ceil(max(1.0, (margin(float(scores.std(ddof=1)), 1) / difference) ** 2))
    return Chance(difference, seeds, share, needed)
