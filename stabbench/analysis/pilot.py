"""What a few runs do not rule out: one-sided upper confidence limits of a standard deviation and of a failure rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from stabbench.analysis.spread import Array, Scores, ascending, constant_rows

CONFIDENCE = 0.8
"""Of the upper limits from which seeds are planned (Browne, 1995, Statistics in Medicine 14)."""
FEWEST = 3
"""Scores of which a limit is given."""


def std_upper_limit(scores: Scores, confidence: float = CONFIDENCE) -> float:
    """`std_upper_limits` of one sample of scores `(n,)`."""
    return float(std_upper_limits(ascending(scores)[None], confidence)[0])


def std_upper_limits(scores: Array, confidence: float = CONFIDENCE) -> Array:
    """Upper one-sided limits of the standard deviation from which each row of `scores` `(k, n)` was drawn: `(k,)`.

    The larger of the chi-square limit, which normal scores have, and Bonett's (2006), which goes by the sample's own
    kurtosis. What share of them is above the truth is in reports/benchmarks/calibration-sequential.md: of normal scores
    as many as are wanted, of a sample that shows no collapsed run although there are some, or that lacks the long tail
    of its distribution, far fewer; no limit that looks at scores alone can do better there. NaN for fewer than `FEWEST`
    scores, for equal ones, and where a score is NaN.
    """
    n = scores.shape[1]
    if n < FEWEST:
        return np.full(len(scores), math.nan)
    limits = np.maximum(chi_square_limits(scores, confidence), _bonett(scores, confidence))
    unknown = np.isnan(scores).any(axis=1) | constant_rows(np.nan_to_num(scores))
    return np.where(unknown, math.nan, limits)


def chi_square_limits(scores: Array, confidence: float) -> Array:
    """The one-sided upper limits `(k,)` that rows `(k, n)` of normal scores have; too small of others."""
    n = scores.shape[1]
    factor = math.sqrt((n - 1) / stats.chi2.ppf(1 - confidence, n - 1))
    return np.asarray(scores.std(axis=1, ddof=1) * factor)


def _bonett(scores: Array, confidence: float) -> Array:
    """0 where the sample is too small for the confidence: Bonett's factor n / (n − z) needs n > z."""
    n, z = scores.shape[1], float(stats.norm.ppf(confidence))
    if n <= z:
        return np.zeros(len(scores))
    correction = n / (n - z)
    trimmed = stats.trim_mean(scores, min(0.49, 1 / (2 * math.sqrt(max(n - 4, 1)))), axis=1)
    squares = ((scores - scores.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    fourth = ((scores - trimmed[:, None]) ** 4).sum(axis=1)
    kurtosis = n * np.divide(fourth, squares**2, out=np.full(len(scores), math.nan), where=squares > 0)
    error = correction * np.sqrt(np.maximum(kurtosis - (n - 3) / n, 0) / (n - 1))
    return np.asarray(np.sqrt(correction * squares / (n - 1) * np.exp(z * error)))


@dataclass(frozen=True)
class FailureLimits:
    """Between which failure rates a pilot lies, each bound a one-sided one."""

    low: float
    high: float

    @property
    def widest(self) -> float:
        """The rate between them whose estimate is least certain: that nearest to one half."""
        return min(max(0.5, self.low), self.high)


def failure_limits(failed: int, n: int, confidence: float = CONFIDENCE) -> FailureLimits:
    """Clopper and Pearson's exact one-sided limits of a failure rate; ValueError unless 0 <= `failed` <= `n`, n > 0."""
    if not 0 <= failed <= n or n == 0:
        raise ValueError(f"found {failed} failed runs of {n}, expected 0 <= failed <= n, and a run")
    low = 0.0 if failed == 0 else float(stats.beta.ppf(1 - confidence, failed, n - failed + 1))
    high = 1.0 if failed == n else float(stats.beta.ppf(confidence, failed + 1, n - failed))
    return FailureLimits(low, high)


def std_with_failures(
    scores: Scores, failed: npt.NDArray[np.bool_], constant: float, confidence: float = CONFIDENCE
) -> float:
    """An upper limit of the standard deviation that counts on failures which the pilot does not rule out.

    Runs that do not fail spread by the upper limit of their own standard deviation (chi-square), the others score
    `constant`, the best constant prediction's, and fail at the rate between the limits of `failure_limits` that spreads
    most. `scores` and `failed` are `(n,)`. NaN where fewer than `FEWEST` runs did not fail or a score is NaN.
    """
    values, flags = np.asarray(scores, dtype=np.float64), np.asarray(failed, dtype=np.bool_)
    trained = values[~flags]
    if trained.size < FEWEST or np.isnan(values).any() or math.isnan(constant):
        return math.nan
    rate = failure_limits(int(flags.sum()), flags.size, confidence).widest
    own = float(chi_square_limits(trained[None], confidence)[0])
    return math.sqrt(own**2 + rate * (1 - rate) * (float(trained.mean()) - constant) ** 2)
