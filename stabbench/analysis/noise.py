"""How much of a spread over seeds is the noise of a finite dev set, and how much is beyond it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from stabbench.analysis.contributions import Contributions

CONFIDENCE = 0.95
_LEAST = 1e-150
"""Of a variance whose square is a normal number: below it there is the rounding of scores that are all the same."""
POWER = 0.8
WANTED_SHARE = 0.25
"""The share of the variance over seeds that the floor may have where a spread is to be told from it with ease."""
_MOST_SEEDS = 10_000

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Noise:
    """The variance of a cell's scores over seeds and its two parts; variances in the square of the score's unit.

    Were another dev set drawn, the runs would keep the part beyond the floor, and have another draw of the floor.
    """

    runs: int
    examples: int
    variance: float
    """Of the scores, as seen (ddof 1)."""
    floor: float
    """v̄/n: what a dev set of this size would make of runs that are all equally good."""
    beyond: float
    """(nV − v̄)/(n − 1), an unbiased estimate of the variance of the scores on endless examples; may be below 0."""
    low: float
    high: float
    """95 % interval of that variance, which is 0 at the least."""
    freedom: float
    """Degrees of freedom of the interval: runs − 1 of normal scores, fewer of others."""

    @property
    def std(self) -> float:
        """As seen."""
        return math.sqrt(self.variance)

    @property
    def floor_std(self) -> float:
        """The floor as a standard deviation."""
        return math.sqrt(self.floor)

    @property
    def beyond_std(self) -> float:
        """The estimate as a standard deviation; 0 where it is negative."""
        return math.sqrt(max(self.beyond, 0.0))

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the standard deviation beyond the floor."""
        return math.sqrt(self.low), math.sqrt(self.high)

    @property
    def share(self) -> float:
        """The floor over the variance seen; NaN where all scores are the same."""
        return self.floor / self.variance if self.variance > 0 else math.nan

    @property
    def distinguishable(self) -> bool:
        """Whether the runs are told apart beyond the noise of the dev set: the interval does not reach 0."""
        return self.low > 0


def noise(found: Contributions, widest: float = math.inf) -> Noise | None:
    """The parts of the variance of a cell's scores; None under two runs or two units.

    `widest` is how far apart two scores can be: no variance is above the square of half of that (Popoviciu, 1935).

    With y_ri the contribution of unit i to run r, V the variance of the scores and v̄ the mean over units of the
    variance over runs (all ddof 1): V = v̄/n + (1 − 1/n) c̄ with c̄ the mean covariance of two units' contributions,
    which is the variance of the scores on endless examples. Nothing is assumed but that runs and examples are drawn
    independently of each other (docs/noise.md, which also says whose estimators these are).
    """
    runs, units = found.values.shape
    if runs < 2 or units < 2:
        return None
    variance, inner = (float(each.mean(axis=1).var(ddof=1)) for each in (found.scores[:, None], found.values))
    mean = float(found.values.var(axis=0, ddof=1).mean())
    floor, beyond = mean / units, variance - (mean - inner) / (units - 1)
    freedom = _freedom(found, variance, floor)
    ends = (max(freedom * variance / float(quantile) - floor, 0.0) for quantile in _tails(freedom))
    low, high = (min(end, (widest / 2) ** 2) for end in ends)
    return Noise(runs, found.examples, variance, floor, beyond, low, high, freedom)


def _tails(freedom: float) -> tuple[float, float]:
    """The quantiles of χ² that give the lower and the upper end."""
    tail = (1 - CONFIDENCE) / 2
    return float(stats.chi2.ppf(1 - tail, freedom)), float(stats.chi2.ppf(tail, freedom))


def _freedom(found: Contributions, variance: float, floor: float) -> float:
    """2V²/Var(V): of normal scores runs − 1.

    Var(V) over seeds comes from the kurtosis of the scores, taken for 3 at the least; what examples add to it beyond
    the floor's own share comes from a jackknife over them. The measured coverage is in
    reports/benchmarks/calibration-noise.md.
    """
    runs, units = found.values.shape
    if variance < _LEAST:
        return float(runs - 1)
    deviations = found.scores - found.scores.mean()
    kurtosis = float((deviations**4).mean() / (deviations**2).mean() ** 2)
    kurtosis = max(3.0, kurtosis * (runs + 1) / (runs - 1))
    over_seeds = variance**2 * (kurtosis - 1 + 2 / (runs - 1)) / runs
    without = found.without().var(axis=0, ddof=1)
    over_units = float(((without - without.mean()) ** 2).sum()) * (units - 1) / units
    beyond = max(variance - floor, 0.0)
    added = max(0.0, over_units - (2 * floor**2 + 4 * beyond * floor) / (runs - 1))
    return float(2 * variance**2 / (max(over_seeds, 2 * variance**2 / (runs - 1)) + added))


@dataclass(frozen=True)
class WayOut:
    """What would tell a cell's spread from the noise of its dev set."""

    examples: int
    """Dev examples with which the floor has `WANTED_SHARE` of the variance."""
    examples_to_tell: int
    """Dev examples with which as many runs as there are tell it from 0 with power `POWER`."""
    runs_to_tell: int | None
    """Runs that do so on the dev set that there is; None where `_MOST_SEEDS` are too few."""


def way_out(found: Noise) -> WayOut | None:
    """How many dev examples or runs would do, were the spread beyond the floor as estimated.

    The degrees of freedom are taken to be those of the interval, and to grow with the number of runs. None where
    nothing is seen beyond the floor. The estimate is a guess to plan by, whose interval says how good it is.
    """
    if found.beyond <= 0 or found.floor <= 0:
        return None
    ratio, freedom = found.beyond / (found.floor * found.examples), found.freedom
    wanted, to_tell = (math.ceil(times / ratio) for times in (1 / WANTED_SHARE - 1, _ratio_told(freedom) - 1))
    return WayOut(wanted, to_tell, _runs_to_tell(1 + found.beyond / found.floor, freedom / (found.runs - 1)))


def _ratio_told(freedom: float) -> float:
    """The variance over the floor that so many degrees of freedom tell from 1 with power `POWER`."""
    tail = (1 - CONFIDENCE) / 2
    return float(stats.chi2.ppf(1 - tail, freedom) / stats.chi2.ppf(1 - POWER, freedom))


def _runs_to_tell(ratio: float, a_run: float) -> int | None:
    """The fewest runs, with `a_run` degrees of freedom for each but one; None where `_MOST_SEEDS` do not do."""
    if _ratio_told(a_run * (_MOST_SEEDS - 1)) > ratio:
        return None
    few, enough = 1, _MOST_SEEDS
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if _ratio_told(a_run * (middle - 1)) <= ratio else (middle, enough)
    return enough
