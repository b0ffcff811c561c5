"""What the interval of a ratio says beside a region of equivalence: steadier, equivalent, less steady or unknown."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import special, stats

from stabbench.analysis.pairwise import holm
from stabbench.analysis.spread import Array
from stabbench.errors import UserError

REGION = (0.8, 1.25)
"""Ratios of standard deviations that are as good as 1, unless somebody declares others."""
STEADIER, EQUIVALENT, LESS_STEADY, UNKNOWN = "steadier", "equivalent", "less steady", "unknown"
DESCRIPTIVE = "descriptive"
"""Of too few tasks for a verdict."""
LEVEL = 0.05


def check_region(region: Sequence[float]) -> tuple[float, float]:
    """Its two bounds; UserError unless it is two numbers, one above 0 and under 1, one above 1."""
    found = tuple(float(bound) for bound in region)
    if len(found) != 2 or not (0 < found[0] < 1 < found[1] < math.inf):
        shown = ", ".join(f"{bound:g}" for bound in found)
        raise UserError(
            f"equivalence is {shown or 'empty'}, expected two ratios of standard deviations around 1 that make no "
            "difference to you, such as 0.8, 1.25"
        )
    return found[0], found[1]


def verdict_p_values(estimate: Array, error: Array, freedom: Array, region: tuple[float, float]) -> Array:
    """The level at which the interval of each log ratio `(p,)` just lies within one part of the scale: shape `(p,)`.

    The region divides the scale in three. The interval `estimate ± t error` with level 1 − p ends at the bound that is
    nearest. NaN where the error is.
    """
    distance = np.minimum.reduce([np.abs(estimate - np.log(bound)) for bound in region])
    return two_sided(distance, error, freedom)


def two_sided(distance: Array, error: Array, freedom: Array) -> Array:
    """Two-sided p-values of t statistics `distance / error`, each of shape `(p,)`; NaN where the error is."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(2 * special.stdtr(freedom, -np.abs(distance) / error))


def parts(estimate: Array, region: tuple[float, float]) -> list[str]:
    """In which part of the scale each log ratio `(p,)` lies: what its verdict is, if it has one."""
    below, above = estimate < math.log(region[0]), estimate > math.log(region[1])
    return [str(word) for word in np.select([below, above], [STEADIER, LESS_STEADY], EQUIVALENT)]


def verdicts(part: Sequence[str], p_values: pd.Series) -> list[str]:
    """The part where the p-value is at most `LEVEL`, else `unknown`; `descriptive` where there is no p-value."""
    return [
        DESCRIPTIVE if math.isnan(p) else word if p <= LEVEL else UNKNOWN
        for word, p in zip(part, p_values, strict=True)
    ]


def holm_of_verdicts(part: Sequence[str], p_values: pd.Series) -> pd.Series:
    """The p-values of verdicts, adjusted after Holm in two families over all pairs.

    One holds the claims that a difference matters (steadier, less steady), of which each pair's hypothesis is that its
    ratio lies within the region; the other the claims of equivalence, of which it is that it lies outside. A pair
    whose estimate speaks for the hypothesis counts in that family with a p-value of 1.
    """
    equivalent = pd.Series([word == EQUIVALENT for word in part], index=p_values.index, dtype=bool)
    families = [holm(p_values.where(members | p_values.isna(), 1.0)) for members in (equivalent, ~equivalent)]
    return families[0].where(equivalent, families[1])


def benjamini_hochberg(p_values: pd.Series) -> pd.Series:
    """Benjamini and Hochberg's (1995) adjustment over the p-values that exist (NaN: n/a, which stays)."""
    known = p_values.dropna()
    if known.empty:
        return p_values.astype("float64")
    adjusted = stats.false_discovery_control(known.to_numpy(dtype=np.float64))
    return pd.Series(adjusted, index=known.index, dtype="float64").reindex(p_values.index)
