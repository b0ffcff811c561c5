"""Seeds from a pilot: against scipy and statsmodels, and that more is asked of less."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint, samplesize_confint_proportion

from benchmarks.calibration_cases import normal
from stabbench.analysis.design import SHAPES, seeds_needed
from stabbench.analysis.pilot import (
    failure_limits,
    std_upper_limit,
    std_upper_limits,
    std_with_failures,
)
from stabbench.analysis.seeds_needed import MOST, Wanted, seeds_for_mean, seeds_for_share
from stabbench.errors import UserError

STDS = st.floats(1e-3, 10)
MARGINS = st.floats(0.05, 5)


@given(STDS, MARGINS, st.sampled_from([0.01, 0.05, 0.2]))
def test_the_mean_is_known_to_the_margin_from_that_number_of_seeds_on_and_not_before(
    std: float, margin: float, alpha: float
) -> None:
    def half(n: int) -> float:
        return float(stats.t.interval(1 - alpha, n - 1, scale=std / math.sqrt(n))[1])

    n = seeds_for_mean(std, margin, alpha)
    if n is None:
        assert half(MOST) > margin
        return
    assert half(n) <= margin * (1 + 1e-12)
    assert n == 2 or half(n - 1) > margin


@pytest.mark.parametrize("share", [0.0, 0.1, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("margin", [0.05, 0.1, 0.2])
def test_the_failure_rate_is_known_to_the_margin_as_statsmodels_interval_says(share: float, margin: float) -> None:
    def half(n: int) -> float:
        low, high = proportion_confint(share * n, n, method="wilson")
        return (float(high) - float(low)) / 2

    n = seeds_for_share(share, margin)
    assert n is not None
    tolerance = 0 if 0 < share < 1 else margin  # statsmodels cuts at 0 and 1
    assert half(n) <= margin + 1e-9
    assert n == 1 or half(n - 1) > margin - tolerance
    assert n <= samplesize_confint_proportion(0.5, margin) + 1


def test_margins_that_cannot_be_had_are_none_and_senseless_ones_are_refused() -> None:
    assert seeds_for_mean(10, 1e-3) is None
    for std, margin in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match="expected one above 0"):
            seeds_for_mean(std, margin)
    with pytest.raises(ValueError, match="expected 0 to 1"):
        seeds_for_share(1.5, 0.1)


def test_the_limit_of_normal_scores_is_at_least_the_chi_square_one_and_near_it() -> None:
    scores = np.random.default_rng(1).normal(0, 2, 400)
    chi_square = scores.std(ddof=1) * math.sqrt(399 / stats.chi2.ppf(0.05, 399))
    assert chi_square <= std_upper_limit(scores, 0.95) <= 1.03 * chi_square


def test_the_limit_of_a_long_tail_goes_by_its_kurtosis() -> None:
    scores = np.random.default_rng(1).standard_t(3, 200)
    mean, n, z = scores.mean(), 200, stats.norm.ppf(0.95)
    factor = n / (n - z)
    centre = stats.trim_mean(scores, 1 / (2 * math.sqrt(196)))
    kurtosis = n * ((scores - centre) ** 4).sum() / ((scores - mean) ** 2).sum() ** 2
    error = factor * math.sqrt((kurtosis - (n - 3) / n) / (n - 1))
    bonett = math.exp((math.log(factor * scores.var(ddof=1)) + z * error) / 2)
    assert std_upper_limit(scores, 0.95) == pytest.approx(bonett)


@pytest.mark.parametrize("n", [3, 5, 10, 25])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_the_limits_of_normal_samples_are_above_the_truth_as_often_as_they_say(n: int, confidence: float) -> None:
    limits = std_upper_limits(normal(np.random.default_rng(2), 4_000, n), confidence)
    assert (limits >= 1).mean() == pytest.approx(confidence, abs=0.05)
    assert (limits >= 1).mean() > confidence - 0.02


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=12, unique=True), st.floats(0.1, 10), st.floats(-5, 5))
def test_the_limit_follows_scale_and_does_not_see_shift(scores: list[float], scale: float, shift: float) -> None:
    values = np.array(scores)
    if np.ptp(values) < 1e-3:
        return
    limit = std_upper_limit(values)
    assert limit > values.std(ddof=1)
    assert std_upper_limit(scale * values + shift) == pytest.approx(scale * limit, rel=1e-6)


def test_two_scores_equal_ones_and_unknown_ones_have_no_limit() -> None:
    for scores in ([0.1, 0.2], [0.3] * 5, [0.1, 0.2, math.nan]):
        assert math.isnan(std_upper_limit(scores))


@pytest.mark.parametrize(("failed", "n"), [(0, 5), (1, 5), (5, 25), (25, 25)])
def test_the_limits_of_a_failure_rate_are_scipys_exact_ones(failed: int, n: int) -> None:
    limits = failure_limits(failed, n, 0.8)
    test = stats.binomtest(failed, n)
    assert limits.high == pytest.approx(stats.binomtest(failed, n, alternative="less").proportion_ci(0.8).high)
    assert limits.low == pytest.approx(stats.binomtest(failed, n, alternative="greater").proportion_ci(0.8).low)
    assert limits.low <= test.statistic <= limits.high
    with pytest.raises(ValueError, match="expected"):
        failure_limits(n + 1, n)


def test_a_pilot_without_failures_counts_on_those_that_it_does_not_rule_out() -> None:
    scores = np.array([0.60, 0.61, 0.62, 0.63, 0.64])
    rate = 1 - 0.2 ** (1 / 5)
    own = scores.std(ddof=1) * math.sqrt(4 / stats.chi2.ppf(0.2, 4))
    expected = math.sqrt(own**2 + rate * (1 - rate) * 0.12**2)
    assert std_with_failures(scores, np.zeros(5, dtype=bool), 0.5) == pytest.approx(expected)
    assert math.isnan(std_with_failures(scores, np.zeros(5, dtype=bool), math.nan))
    assert math.isnan(std_with_failures(scores, np.array([True] * 3 + [False] * 2), 0.5))


def test_a_ratio_needs_more_seeds_where_runs_collapse_or_tails_are_long() -> None:
    normal_seeds, *others = (seeds_needed(4.0, 0.05, 0.8, shape) or 0 for shape in SHAPES)
    assert normal_seeds == pytest.approx(10, abs=2)
    assert min(others) > 1.5 * normal_seeds


def test_all_that_is_wrong_with_what_is_wanted_is_told_at_once() -> None:
    with pytest.raises(UserError) as error:
        Wanted(margin_mean=-1, margin_failed=0.7, std_ratio=1, power=2, alpha=0, confidence=1)
    assert all(name in str(error.value) for name in ("mean", "failed", "ratio", "power", "alpha", "confidence"))
    with pytest.raises(UserError, match="nothing to plan for"):
        Wanted()
