"""How many seeds a comparison of standard deviations needs: design curves over assumed ratios, never observed power."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from stabbench.analysis.calibration import COLLAPSED_BELOW, COLLAPSED_SHARE

Shape = Literal["normal", "heavy tails", "collapsed"]
SHAPES: Mapping[Shape, str] = {
    "normal": "where scores are normal",
    "heavy tails": "with long tails downwards (log-normal)",
    "collapsed": "where a fifth of the runs collapses",
}
"""What scores of both arms look like, as in reports/benchmarks/calibration.md."""
RATIOS = (1.5, 2.0, 3.0, 5.0)
ALPHAS = (0.05, 0.001)
POWER = 0.8
SEEDS_NEEDED: Mapping[tuple[float, float], int] = {
    (1.5, 0.05): 60, (2.0, 0.05): 24, (3.0, 0.05): 13, (5.0, 0.05): 9,
    (1.5, 0.001): 130, (2.0, 0.001): 52, (3.0, 0.001): 28, (5.0, 0.001): 19,
}  # fmt: skip
"""`seeds_needed` by ratio and level, as that takes seconds; a test finds each anew."""
_REPETITIONS = 10_000
_FEWEST, _MOST = 4, 400


@cache
def power(n: int, ratio: float, alpha: float, repetitions: int = _REPETITIONS, shape: Shape = "normal") -> float:
    """Share of simulated comparisons with p < `alpha`: `n` seeds an arm, stds that differ by `ratio`.

    The median-centred Levene test, asymptotic. The same call gives the same number.
    """
    (mean_a, mean_b), (squares_a, squares_b) = _deviations(n, repetitions, shape)
    between = n / 2 * (mean_a - ratio * mean_b) ** 2
    statistic = (2 * n - 2) * between / (squares_a + ratio**2 * squares_b)
    return float((statistic > stats.f.isf(alpha, 1, 2 * n - 2)).mean())


@cache
def _deviations(n: int, repetitions: int, shape: Shape) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and sum of squares around it of |x − median| in both arms: each `(2, repetitions)`; a ratio scales them."""
    random = np.random.default_rng(n)
    scores = random.standard_normal((2, repetitions, n))
    if shape == "heavy tails":
        scores = -np.exp(scores)
    elif shape == "collapsed":
        scores[random.random(scores.shape) < COLLAPSED_SHARE] = -COLLAPSED_BELOW
    deviations = np.abs(scores - np.median(scores, axis=2, keepdims=True))
    return deviations.mean(axis=2), deviations.var(axis=2) * n


@cache
def seeds_needed(ratio: float, alpha: float, wanted: float = POWER, shape: Shape = "normal") -> int | None:
    """The fewest seeds an arm from which on the power is `wanted`, by bisection; None where 400 are too few.

    One seed more can lower the power a little, as an odd number of scores has one that deviates by 0: both n and n + 1
    seeds must have it. ValueError where the ratio is not above 1: equal spread cannot be found to differ.
    """
    if not ratio > 1:
        raise ValueError(f"found a ratio of {ratio:g}, expected one above 1")

    def enough(n: int) -> bool:
        return min(power(k, ratio, alpha, shape=shape) for k in (n, n + 1)) >= wanted

    low, high = _FEWEST, 2 * _FEWEST
    while not enough(high):
        low, high = high, 2 * high
        if low > _MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


@cache
def detectable_ratio(n: int, alpha: float, wanted: float = POWER) -> float | None:
    """The smallest ratio of stds that `n` seeds an arm find with the power `wanted`; None where 100 is too small."""
    low, high = 1.0, 100.0
    if n < _FEWEST or power(n, high, alpha) < wanted:
        return None
    while high / low > 1.005:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if power(n, middle, alpha) >= wanted else (middle, high)
    return high


def design_curves() -> pd.DataFrame:
    """One row an assumed ratio: `ratio`, and `seeds_<alpha>` an arm for power 0.8 at each of `ALPHAS`."""
    needed = {f"seeds_{alpha:g}": [SEEDS_NEEDED[ratio, alpha] for ratio in RATIOS] for alpha in ALPHAS}
    return pd.DataFrame({"ratio": RATIOS, **needed})
