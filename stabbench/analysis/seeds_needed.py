"""How many seeds an arm a wanted margin needs, from what a pilot does not rule out: never from observed power."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from scipy import stats

from stabbench.analysis.design import POWER, SHAPES, Shape, seeds_needed
from stabbench.analysis.frame import finished
from stabbench.analysis.gate import GateCell
from stabbench.analysis.pilot import (
    CONFIDENCE,
    FailureLimits,
    failure_limits,
    std_upper_limit,
    std_with_failures,
)
from stabbench.errors import UserError

MOST = 100_000
"""Seeds an arm beyond which none are looked for."""
Needed: TypeAlias = int | None
"""Seeds an arm; None: more than `MOST`."""


@dataclass(frozen=True)
class Wanted:
    """How well something is to be known. Raises UserError with all that is wrong with it."""

    margin_mean: float | None = None
    """Half the width of the mean's interval, as scores are."""
    margin_failed: float | None = None
    """Half the width of the interval of a share of failed runs: a fraction."""
    std_ratio: float | None = None
    """How many times larger one standard deviation is than another that it is to be told from."""
    power: float = POWER
    """Of the test that tells them apart."""
    alpha: float = 0.05
    """Level of that test; intervals have the confidence 1 − alpha."""
    confidence: float = CONFIDENCE
    """Of the limits of what the pilot does not rule out."""

    def __post_init__(self) -> None:
        wrong = []
        if self.margin_mean is None and self.margin_failed is None and self.std_ratio is None:
            wrong.append("nothing to plan for: give --margin-mean X, --margin-failed SHARE or --std-ratio R")
        if self.margin_mean is not None and not 0 < self.margin_mean < math.inf:
            wrong.append(f"--margin-mean is {self.margin_mean:g}, expected a number above 0, as scores are: 0.01")
        if self.margin_failed is not None and not 0 < self.margin_failed < 0.5:
            wrong.append(f"--margin-failed is {self.margin_failed:g}, expected a share above 0 and below 0.5: 0.1")
        if self.std_ratio is not None and not 1 < self.std_ratio < math.inf:
            wrong.append(f"--std-ratio is {self.std_ratio:g}, expected a ratio above 1, such as 2")
        if not 0.5 <= self.power < 1:
            wrong.append(f"--power is {self.power:g}, expected a probability from 0.5 to below 1, such as 0.8")
        if not 1e-4 <= self.alpha < 0.5:
            wrong.append(f"--alpha is {self.alpha:g}, expected a level from 0.0001 to below 0.5, such as 0.05")
        if not 0.5 <= self.confidence < 1:
            wrong.append(
                f"--pilot-confidence is {self.confidence:g}, expected a share from 0.5 to below 1, such as 0.8"
            )
        if wrong:
            raise UserError(*wrong)

    def seeds_for_ratio(self) -> dict[Shape, Needed]:
        """Seeds an arm that tell the standard deviations apart, by what the scores look like; None: more than 400."""
        if self.std_ratio is None:
            return {}
        return {shape: seeds_needed(self.std_ratio, self.alpha, self.power, shape) for shape in SHAPES}


@dataclass(frozen=True)
class CellNeeds:
    """What a cell's pilot says of the seeds that it needs; what is not asked or not known is NaN or None."""

    cell: GateCell
    std_upper: float
    """Upper limit of the standard deviation, by the scores alone."""
    std_if_failing: float
    """The same where as many runs fail as the pilot does not rule out; NaN where a failed run's score is unknown."""
    failed: FailureLimits | None
    """None where it is not known which runs failed."""
    mean: Needed
    mean_if_failing: Needed
    share: Needed


def cell_needs(cell: GateCell, wanted: Wanted) -> CellNeeds:
    """The seeds that a cell needs, by the finished runs of it that there are."""
    limits = failure_limits(cell.failed, cell.n, wanted.confidence) if cell.failed is not None and cell.n else None
    upper = std_upper_limit(cell.scores, wanted.confidence)
    failing = math.nan if limits is None else max(_std_if_failing(cell, wanted), upper)

    def mean(std: float) -> Needed:
        if wanted.margin_mean is None or math.isnan(std):
            return None
        return seeds_for_mean(std, wanted.margin_mean, wanted.alpha)

    share = None
    if wanted.margin_failed is not None and limits is not None:
        share = seeds_for_share(limits.widest, wanted.margin_failed, wanted.alpha)
    return CellNeeds(cell, upper, failing, limits, mean(upper), mean(failing), share)


def _std_if_failing(cell: GateCell, wanted: Wanted) -> float:
    runs = finished(cell.runs)
    flags = runs["failed"].to_numpy(dtype=bool)
    return std_with_failures(cell.scores, flags, float(runs["majority"].iloc[0]), wanted.confidence)


def seeds_for_mean(std: float, margin: float, alpha: float = 0.05) -> Needed:
    """The fewest seeds whose interval of the mean (Student's, level 1 − `alpha`) is ± `margin` at most.

    `std` and `margin` are in the scores' own unit. ValueError unless both are above 0.
    """
    _positive(std=std, margin=margin)
    return _fewest(2, lambda n: float(stats.t.isf(alpha / 2, n - 1)) * std / math.sqrt(n) <= margin)


def seeds_for_share(share: float, margin: float, alpha: float = 0.05) -> Needed:
    """The fewest seeds whose Wilson interval of a failure rate (level 1 − `alpha`) is as wide as ± `margin` at most.

    `share` is the rate that is assumed to be seen. ValueError unless it is one and `margin` is above 0.
    """
    _positive(margin=margin)
    if not 0 <= share <= 1:
        raise ValueError(f"found a failure rate of {share:g}, expected 0 to 1")
    z = float(stats.norm.isf(alpha / 2))

    def half_width(n: int) -> float:
        return z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))

    return _fewest(1, lambda n: half_width(n) <= margin)


def _positive(**numbers: float) -> None:
    for name, number in numbers.items():
        if not number > 0:
            raise ValueError(f"found a {name} of {number:g}, expected one above 0")


def _fewest(smallest: int, enough: Callable[[int], bool]) -> Needed:
    """The smallest number from `smallest` to `MOST` that is enough, where all larger ones are, too."""
    low, high = smallest - 1, smallest
    while not enough(high):
        if high >= MOST:
            return None
        low, high = high, min(MOST, 2 * high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
