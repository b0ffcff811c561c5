"""Whether two cells spread differently: Levene's test with either centre, and its permutation p-value."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import special

from stabbench.analysis.spread import Scores, is_constant
from stabbench.errors import unknown

Center = Literal["median", "mean"]
CENTERS: tuple[Center, ...] = get_args(Center)
TEST_NAMES: dict[Center, str] = {
    "median": "Levene's test, median-centred (Brown-Forsythe)",
    "mean": "Levene's test, mean-centred (Levene, 1960)",
}
PERMUTATIONS = 9_999
LARGE_SAMPLE = 100
"""Where both samples are larger, the asymptotic p-value stands for the permuted one: it keeps its level by then."""
_PERMUTED_SCORES_AT_ONCE = 2_000_000

Array = npt.NDArray[np.float64]


def check_center(center: str) -> Center:
    """`center` itself; UserError unless it is `median` or `mean`."""
    for known in CENTERS:
        if center == known:
            return known
    raise unknown("centre of Levene's test", center, CENTERS)


def levene(a: Scores, b: Scores, center: Center = "median") -> float | None:
    """Asymptotic p-value of Levene's test for equal variances of scores `(n_a,)` and `(n_b,)`.

    None (n/a) where no p-value is defined: a sample is constant or has fewer than two scores, or in neither sample do
    the deviations from the centre differ from each other (as with two scores each).
    """
    if not comparable(a, b, center):
        return None
    rows = [np.sort(np.asarray(x, float))[None] for x in (a, b)]
    statistic = levene_statistic(rows[0], rows[1], center)[0]
    return float(special.fdtrc(1, len(a) + len(b) - 2, statistic))


def levene_by_permutation(
    a: Scores, b: Scores, random: np.random.Generator, permutations: int = PERMUTATIONS
) -> float | None:
    """Permutation p-value, (1 + #{W* >= W}) / (1 + permutations), of the median-centred Levene statistic W.

    What is permuted are the residuals from each sample's own median (uncentred scores would test their level too).
    Samples that are both larger than `LARGE_SAMPLE` are not permuted: theirs is the asymptotic p-value. The order of
    scores and of the two samples does not matter. None where `levene` is None.
    """
    if not comparable(a, b):
        return None
    if min(len(a), len(b)) > LARGE_SAMPLE:
        return levene(a, b)
    small, large = sorted((np.sort(np.asarray(a, float)), np.sort(np.asarray(b, float))), key=lambda x: x.size)
    residuals = np.sort(np.concatenate([small - np.median(small), large - np.median(large)]))
    observed = levene_statistic(small[None], large[None])[0]
    threshold = observed * (1 - 1e-9) if np.isfinite(observed) else observed
    reached, left = 0, permutations
    while left:
        count = min(left, max(1, _PERMUTED_SCORES_AT_ONCE // residuals.size))
        drawn = random.permuted(np.broadcast_to(residuals, (count, residuals.size)), axis=1)
        reached += int((levene_statistic(drawn[:, : small.size], drawn[:, small.size :]) >= threshold).sum())
        left -= count
    return (1 + reached) / (1 + permutations)


def levene_statistic(a: Array, b: Array, center: Center = "median") -> Array:
    """Levene's W for each row of `a` `(k, n_a)` against the same row of `b` `(k, n_b)`: shape `(k,)`.

    0 where all deviations are the same, infinite where they differ between the samples only.
    """
    middle = np.median if center == "median" else np.mean
    deviations = [np.abs(x - middle(x, axis=1, keepdims=True)) for x in (a, b)]
    sizes = [x.shape[1] for x in deviations]
    means = [x.mean(axis=1) for x in deviations]
    total = sum(sizes)
    grand = (sizes[0] * means[0] + sizes[1] * means[1]) / total
    between = sum(size * (mean - grand) ** 2 for size, mean in zip(sizes, means, strict=True))
    within = sum(((x - mean[:, None]) ** 2).sum(axis=1) for x, mean in zip(deviations, means, strict=True))
    between, within = np.asarray(between), np.asarray(within)
    flat = within <= 1e-24 * (between + within)
    ratio = np.divide((total - 2) * between, within, out=np.full_like(between, np.inf), where=~flat)
    return np.where(flat & (between <= 1e-30), 0.0, ratio)


def comparable(a: Scores, b: Scores, center: Center = "median") -> bool:
    """Whether Levene's test is defined: neither sample is constant or single, and some deviations differ."""
    if min(len(a), len(b)) < 2 or is_constant(a) or is_constant(b):
        return False
    middle = np.median if center == "median" else np.mean
    deviations = [np.abs(np.asarray(x, float) - float(middle(x))) for x in (a, b)]
    return any(float(np.ptp(x)) > 1e-9 * float(x.max()) for x in deviations)
