"""What verdicts there are of a claim, where their lines are drawn, and phrases that several claims have in common."""

from __future__ import annotations

import math

from benchmarks.evidence.data import Pair, Side
from stabbench.report.numbers import p_equation
from stabbench.report.over_tasks import ratio

HOLDS, PART, NOT, UNKNOWN = "holds", "in part", "does not hold", "cannot be told"
VERDICTS = (HOLDS, PART, NOT, UNKNOWN)
DEFAULT, CORRECTED, LONG, MIXOUT = "devlin", "devlin-bc", "mosbach", "mixout"
LEVEL, PAPERS_LEVEL = 0.05, 0.001
MANY = 20
"""Runs a side, of which no failure, or no significance, says something."""
RARE = 0.1
"""Share of runs that fail up to which failures count as prevented."""
Found = tuple[str, str]
"""A verdict, and the numbers behind it as a phrase."""


def not_run(*strategies: str) -> Found:
    """What is said where one of the strategies was not run."""
    return UNKNOWN, f"not run: {' or '.join(strategies)}"


def failed_of(side: Side) -> str:
    """`devlin 16 of 25 failed`."""
    return f"{side.strategy} {side.failed} of {side.n} failed"


def failures_of(pair: Pair) -> str:
    """Both sides' failures, with Fisher's p."""
    return f"{failed_of(pair.first)}, {failed_of(pair.second)} ({p_equation(pair.number('p_fisher'))})"


def first_fails_more(pair: Pair) -> bool:
    """Whether the first side fails more often."""
    return (pair.first.failed or 0) / pair.first.n > (pair.second.failed or 0) / pair.second.n


def ratio_of(pair: Pair) -> str:
    """The ratio of the stds, with its interval where there is one."""
    low, high = pair.number("std_ratio_low"), pair.number("std_ratio_high")
    within = "" if math.isnan(low) else f" ({ratio(low)} to {ratio(high)})"
    return f"{ratio(pair.number('std_ratio'))}{within}"
