"""Whether two cells spread differently: Levene's test with either centre, its permutation p-value, Fligner-Killeen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from stabbench.analysis.permutation import PERMUTATION_SEED, RESAMPLED_UP_TO, permutation_tests
from stabbench.analysis.spread import Array, ascending, constant_rows, where_defined
from stabbench.errors import unknown

Center = Literal["median", "mean"]
CENTERS: tuple[Center, ...] = get_args(Center)
TEST_NAMES: dict[Center, str] = {
    "median": "Levene's test, median-centred, the larger of its asymptotic (Brown-Forsythe) and permutation p-values",
    "mean": "Levene's test, mean-centred (Levene, 1960)",
}


def check_center(center: str) -> Center:
    """`center` itself; UserError unless it is `median` or `mean`."""
    for known in CENTERS:
        if center == known:
            return known
    raise unknown("centre of Levene's test", center, CENTERS)


def levene(a: Array, b: Array, center: Center = "median") -> Array:
    """Asymptotic p-values of Levene's test for equal variances, a row of `a` `(k, n_a)` against that of `b` `(k, n_b)`.

    Shape `(k,)`; NaN (n/a) where no p-value is defined: a sample is constant or has fewer than two scores, or in
    neither sample do the deviations from the centre differ from each other (as with two scores each).
    """
    return where_defined(comparable(a, b, center), partial(_levene, center=center), a, b)


def _levene(a: Array, b: Array, center: Center) -> Array:
    statistic = levene_statistic(ascending(a), ascending(b), center)
    return np.asarray(special.fdtrc(1, a.shape[1] + b.shape[1] - 2, statistic))


def spread_p_value(asymptotic: float | None, permutation: float | None) -> float | None:
    """The star's p-value: the larger of the asymptotic and the permutation p-value of the median-centred test.

    Neither alone keeps its level in all that was simulated (reports/benchmarks/calibration.md): with ten seeds the
    permutation test rejects too often where scores are heavy-tailed, the asymptotic one where runs collapse. The
    asymptotic one alone where there is no other; None where there is none.
    """
    if asymptotic is None or permutation is None:
        return asymptotic
    return max(asymptotic, permutation)


def fligner_killeen(a: Array, b: Array) -> Array:
    """Asymptotic p-values of the Fligner-Killeen test, median-centred: rows, shape and NaN as of `levene`.

    It ranks the deviations, so it does not see a difference once over half of the runs of both cells collapsed. Those
    that differ by rounding alone share their rank, unlike in `scipy.stats.fligner`.
    """
    return where_defined(comparable(a, b), _fligner_killeen, a, b)


def _fligner_killeen(a: Array, b: Array) -> Array:
    a, b = ascending(a), ascending(b)
    deviations = np.concatenate([np.abs(x - np.median(x, axis=1, keepdims=True)) for x in (a, b)], axis=1)
    largest = deviations.max(axis=1, keepdims=True)
    ranks = stats.rankdata(np.round(deviations / np.where(largest > 0, largest, 1.0), 9), axis=1)
    total = deviations.shape[1]
    scores = special.ndtri(ranks / (2 * (total + 1)) + 0.5)
    mean, variance = scores.mean(axis=1), scores.var(axis=1, ddof=1)
    parts = scores[:, : a.shape[1]], scores[:, a.shape[1] :]
    between = sum(part.shape[1] * (part.mean(axis=1) - mean) ** 2 for part in parts)
    statistic = np.divide(between, variance, out=np.zeros(len(a)), where=variance > 1e-12)
    return np.asarray(special.chdtrc(1, statistic))


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


def comparable(a: Array, b: Array, center: Center = "median") -> npt.NDArray[np.bool_]:
    """In which rows of `a` `(k, n_a)` and `b` `(k, n_b)` Levene's test is defined: shape `(k,)`.

    Neither sample is constant or single, and some deviations differ.
    """
    if min(a.shape[1], b.shape[1]) < 2:
        return np.zeros(len(a), dtype=np.bool_)
    middle = np.median if center == "median" else np.mean
    deviations = [np.abs(x - middle(x, axis=1, keepdims=True)) for x in (a, b)]
    differ = [np.ptp(x, axis=1) > 1e-9 * x.max(axis=1) for x in deviations]
    return np.asarray((differ[0] | differ[1]) & ~constant_rows(a) & ~constant_rows(b))


def permutation_p_values(samples: Sequence[tuple[Array, Array]]) -> Array:
    """The p-values of `permutation_tests` of many pairs, drawn with one fixed seed: shape `(pairs, 2)`.

    NaN where `levene`'s is, where a score is NaN, and for samples of more than `RESAMPLED_UP_TO` scores.
    """
    found = np.full((len(samples), 2), np.nan)
    sizes: dict[tuple[int, ...], list[int]] = {}
    for index, (a, b) in enumerate(samples):
        if max(a.size, b.size) <= RESAMPLED_UP_TO and not (np.isnan(a).any() or np.isnan(b).any()):
            sizes.setdefault(tuple(sorted((a.size, b.size))), []).append(index)
    for same in sizes.values():
        by_size = [sorted(samples[index], key=len) for index in same]
        small, large = (np.stack([pair[side] for pair in by_size]) for side in (0, 1))
        rows = comparable(small, large)
        if rows.any():
            p_values = permutation_tests(small[rows], large[rows], np.random.default_rng(PERMUTATION_SEED))
            found[np.array(same)[rows]] = np.stack([p_values.levene, p_values.log_std_ratio], axis=1)
    return found
