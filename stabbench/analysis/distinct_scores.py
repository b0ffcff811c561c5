"""Whether scores take fewer distinct values than the grid that they lie on explains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from scipy import stats

from stabbench.analysis.spread import Array

FEWEST = 5
"""Scores under which ties say nothing."""
LEVEL = 1e-3
"""Probability under which so few distinct scores are no chance; tests measure how seldom honest ones come under it."""
_LOWER_BOUND = 0.01
"""Level of the lower confidence bound of the std."""
_CORE, _NORMAL_CORE = 0.4, 1.049
"""Share of the scores in the shortest interval that stands for their bulk, and its length for a standard normal."""
_SIMULATIONS = 20_000
_STEP = 1.15
"""Between the standard deviations that are simulated."""
_FINEST = 20_000
_VALUES = 60
_CHANCE = 1e-3


@dataclass(frozen=True)
class Grid:
    """The step between possible scores; NaN where it is not known, and then nothing is said."""

    step: float
    LARGEST: ClassVar[int] = 500
    """Scores of a cell above which nothing is said: on any real grid they have ties."""
    MOST_DISTINCT: ClassVar[float] = 0.5
    """Share of distinct scores above which nothing is suspected."""

    @classmethod
    def of(cls, scores: Array, counted: bool) -> Grid:
        """The grid of all scores `(n,)` of a task, by themselves.

        Of shares (`counted`) it is 1/n with the smallest n that explains every score up to its last printed digit,
        where so small an n would hardly (`_CHANCE`) do so by chance; F1 and correlations have no such grid. Other
        numbers lie on the grid of their last printed digit.
        """
        values = np.unique(scores[np.isfinite(scores)])
        decimals = _decimals(values)
        if not counted:
            return cls(10.0**-decimals if decimals is not None else 1e-12)
        tolerance = 1e-7 if decimals is None else 0.5001 * 10.0**-decimals
        values = values[(values > tolerance) & (values < 1 - tolerance)]
        values = values[np.linspace(0, values.size - 1, min(_VALUES, values.size)).astype(int)]
        if values.size == 0:
            return cls(math.nan)
        n = np.arange(2, _FINEST)
        for value in values.tolist():
            n = n[np.abs(value * n - np.round(value * n)) <= tolerance * n]
        if n.size == 0:
            return cls(math.nan)
        smallest = int(n[0])
        by_chance = (np.minimum(2 * tolerance * np.arange(2, smallest + 1), 1.0) ** values.size).sum()
        return cls(
            max(1 / smallest, 10.0**-decimals if decimals is not None else 0.0) if by_chance < _CHANCE else math.nan
        )


def _decimals(values: Array) -> int | None:
    """Digits after the point in which all values are written; None where they have more than six."""
    for digits in range(7):
        if (np.abs(values - np.round(values, digits)) < 1e-12).all():
            return digits
    return None


def few_distinct(scores: Array, grid: Grid) -> int:
    """How many distinct values scores `(n,)` take, where that is too few; 0 where their grid explains it.

    Too few are they that normal scores, rounded to the grid, have as few in under `LEVEL` of all samples. The normal's
    standard deviation is the smaller of the lower confidence bound of that of the scores and one by the shortest
    interval that holds two fifths of them, so that neither outliers nor runs of two kinds make ties look odd. Scores on
    one or two stretches of neighbouring grid points are never too few: such runs are steady, and the grid is coarse.
    """
    n = scores.size
    if not FEWEST <= n <= Grid.LARGEST or math.isnan(grid.step):
        return 0
    places = np.sort(np.round(scores / grid.step))
    gaps = np.diff(places)
    distinct = 1 + int((gaps > 0).sum())
    if (gaps > 1).sum() <= 1:
        return 0
    variance = max(float(places.var(ddof=1)) - 1 / 12, 0.0)  # without what rounding adds (Sheppard)
    lower = math.sqrt(variance * (n - 1) / float(stats.chi2.isf(_LOWER_BOUND, n - 1)))
    width = max(2, math.ceil(_CORE * n))
    core = (float((places[width - 1 :] - places[: n - width + 1]).min()) + 1) / _NORMAL_CORE
    spread = min(max(lower, 0.1), core, 1e6)
    rounded_down = _STEP ** math.floor(math.log(spread, _STEP))
    as_few = np.searchsorted(_distinct_when_normal(n, rounded_down), distinct, side="right")
    return distinct if float(as_few) / _SIMULATIONS < LEVEL else 0


@lru_cache(maxsize=256)
def _distinct_when_normal(n: int, spread: float) -> Sequence[int]:
    """Distinct values of n normal scores with a std of `spread` steps, rounded at a random phase; sorted draws."""
    random = np.random.default_rng(n)
    counts: list[int] = []
    for _ in range(10):
        draws = spread * random.standard_normal((_SIMULATIONS // 10, n)) + random.random((_SIMULATIONS // 10, 1))
        places = np.sort(np.round(draws), axis=1)
        counts += (1 + (np.diff(places, axis=1) > 0).sum(axis=1)).tolist()
    return sorted(counts)
