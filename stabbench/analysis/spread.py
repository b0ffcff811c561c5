"""How far scores of one cell lie apart, and where: std (ddof 1), mean, max, median, IQR."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Scores = Sequence[float] | Array

ROUNDING = 1e-6
"""Scores that differ by less than this share of their size differ by rounding alone (a single-precision number has
seven digits): one example of a dev set of up to a million changes an accuracy by more."""
_NOTHING = 1e-12
"""The same for scores around 0: what is left of sums that should cancel."""


@dataclass(frozen=True)
class Spread:
    """Summary of n scores, in the scores' own unit (fractions); what n does not allow is NaN."""

    n: int
    std: float
    """Sample standard deviation, ddof 1 (the paper's measure of stability); NaN under two scores."""
    mean: float
    max: float
    min: float
    median: float
    iqr: float
    """Third minus first quartile, quartiles interpolated linearly."""


def spread(scores: Scores) -> Spread:
    """Summarise scores of shape `(n,)`, whatever their order; ValueError where one is NaN or infinite."""
    values = ascending(scores)
    if not np.isfinite(values).all():
        raise ValueError("scores hold NaN or infinity: a diverged run counts with the best constant classifier's score")
    if values.size == 0:
        return Spread(0, math.nan, math.nan, math.nan, math.nan, math.nan, math.nan)
    first, median, third = np.quantile(values, [0.25, 0.5, 0.75])
    return Spread(
        n=int(values.size),
        std=standard_deviation(values),
        mean=float(values.mean()),
        max=float(values.max()),
        min=float(values.min()),
        median=float(median),
        iqr=float(third - first),
    )


def ascending(scores: Scores) -> Array:
    """A sorted copy, so that the order of scores is of no account; what is sorted already costs next to nothing.

    Of scores `(k, n)` each row is sorted.
    """
    return np.sort(np.asarray(scores, dtype=np.float64), kind="stable")


def standard_deviation(scores: Scores) -> float:
    """Sample standard deviation (ddof 1): NaN under two scores, exactly 0 where scores are the same to rounding."""
    values = ascending(scores)
    if values.size < 2:
        return math.nan
    return 0.0 if is_constant(values) else float(values.std(ddof=1))


def constant_rows(scores: Array) -> npt.NDArray[np.bool_]:
    """Whether all scores of each row of `(k, n)` are the same to `ROUNDING`: shape `(k,)`."""
    if not scores.shape[1]:
        return np.ones(len(scores), dtype=np.bool_)
    found = _near(scores[:, 0], scores[:, -1], 2 * ROUNDING)  # of most rows the ends tell that they are not
    if found.any():
        kept = scores[found]
        found[found] = _near(kept.min(axis=1), kept.max(axis=1), ROUNDING)
    return found


def _near(a: Array, b: Array, share: float) -> npt.NDArray[np.bool_]:
    return np.asarray(np.abs(b - a) <= np.maximum(share * np.maximum(np.abs(a), np.abs(b)), _NOTHING))


def where_defined(rows: npt.NDArray[np.bool_], tests: Callable[[Array, Array], Array], a: Array, b: Array) -> Array:
    """What a test of many pairs says of some rows of `a` `(k, n_a)` and `b` `(k, n_b)`, NaN for the others: `(k,)`."""
    found = np.full(len(rows), np.nan)
    if rows.any():
        found[rows] = tests(a[rows], b[rows])
    return found


def of_one_pair(tests: Callable[[Array, Array], Array], a: Scores, b: Scores) -> float | None:
    """What a test of many pairs, NaN where it is not defined, says of one pair `(n_a,)` and `(n_b,)`: None for NaN."""
    p = float(tests(np.asarray(a, dtype=np.float64)[None], np.asarray(b, dtype=np.float64)[None])[0])
    return None if math.isnan(p) else p


def is_constant(scores: Scores) -> bool:
    """Whether all scores are the same number to `ROUNDING`; of none this cannot be said."""
    values = np.asarray(scores, dtype=np.float64)
    return values.size > 0 and bool(constant_rows(values.reshape(1, -1))[0])
