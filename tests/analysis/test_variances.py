from __future__ import annotations

from functools import partial
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from stabbench.analysis.calibration import false_positive_rate
from stabbench.analysis.permutation import levene_ratio, permutation_tests
from stabbench.analysis.spread import of_one_pair
from stabbench.analysis.variances import (
    CENTERS,
    Center,
    check_center,
    fligner_killeen,
    levene,
    levene_statistic,
    permutation_p_values,
    spread_p_value,
)
from stabbench.errors import UserError


def samples(ratio: float = 3.0, n_a: int = 25, n_b: int = 20, shift: float = 0.0) -> tuple[list[float], list[float]]:
    random = np.random.default_rng(7)
    return list(random.normal(0.7, 0.01, n_a)), list(random.normal(0.6 + shift, 0.01 * ratio, n_b))


def levene_p(a: list[float], b: list[float], center: Center = "median") -> float | None:
    return of_one_pair(partial(levene, center=center), a, b)


def permutation_p(a: list[float], b: list[float]) -> float:
    return float(permutation_p_values([(np.array(a), np.array(b))])[0, 0])


@pytest.mark.parametrize("center", CENTERS)
def test_levenes_p_value_is_that_of_an_anova_of_the_deviations(center: Center) -> None:
    a, b = samples()
    middle = np.median if center == "median" else np.mean
    deviations = [np.abs(np.array(x) - float(middle(x))) for x in (a, b)]
    expected = stats.f_oneway(*deviations).pvalue
    assert levene_p(a, b, center) == pytest.approx(expected)


@pytest.mark.parametrize("center", CENTERS)
def test_the_statistic_for_many_samples_at_once_is_scipys(center: Center) -> None:
    random = np.random.default_rng(1)
    a, b = random.normal(size=(5, 12)), random.normal(scale=2, size=(5, 9))
    expected = [stats.levene(x, y, center=center).statistic for x, y in zip(a, b, strict=True)]
    assert levene_statistic(a, b, center) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("a", "b"),
    [([0.5] * 25, [0.1, 0.2, 0.3]), ([0.1, 0.2, 0.3], [0.5] * 3), ([0.1], [0.1, 0.2]), ([0.4, 0.5], [0.1, 0.9])],
)
def test_constant_scores_single_ones_and_pairs_give_no_p_value(a: list[float], b: list[float]) -> None:
    assert levene_p(a, b) is None
    assert np.isnan(permutation_p(a, b))


def test_a_strategy_compared_with_itself_gives_p_1() -> None:
    a, _ = samples()
    assert levene_p(a, a) == pytest.approx(1.0)
    assert permutation_p(a, a) == 1.0


def test_neither_the_order_of_samples_nor_of_scores_changes_a_p_value() -> None:
    a, b = samples()
    for p in (levene_p(b, a), levene_p(a[::-1], b[::-1])):
        assert p == pytest.approx(levene_p(a, b), rel=1e-12)
    assert permutation_p(a, b) == permutation_p(b, a) == permutation_p(a[::-1], b[::-1])


def test_a_shift_of_one_sample_changes_no_p_value() -> None:
    a, b = samples(ratio=1.4)
    _, shifted = samples(ratio=1.4, shift=8.0)
    assert levene_p(a, shifted) == pytest.approx(levene_p(a, b))
    assert permutation_p(a, shifted) == pytest.approx(permutation_p(a, b), abs=0.002)


def test_the_permutation_p_value_is_never_zero_and_is_smallest_where_nothing_reaches_the_statistic() -> None:
    a, b = samples(ratio=50)
    assert permutation_p(a, b) == 1 / 10_000


def plain_ratio(a: np.ndarray, b: np.ndarray) -> float:
    """B / (B + W) of the deviations from a middle score, the smallest over the choices of it."""
    ratios = []
    for x in {np.sort(a)[(len(a) - 1) // 2], np.sort(a)[len(a) // 2]}:
        for y in {np.sort(b)[(len(b) - 1) // 2], np.sort(b)[len(b) // 2]}:
            f = stats.f_oneway(np.abs(a - x), np.abs(b - y)).statistic
            ratios.append(f / (f + len(a) + len(b) - 2))
    return float(min(ratios))


@pytest.mark.parametrize(
    ("a", "b"),
    [([0.0, 1.0, 2.0, 9.0], [3.0, 3.5, 4.1, 4.2]), ([0.0, 1.1, 2.3, 9.0, 9.4], [3.0, 3.5, 4.0, 4.2])],
)
def test_the_permutation_p_values_are_the_shares_over_all_rearrangements_of_the_residuals(
    a: list[float], b: list[float]
) -> None:
    residuals = np.concatenate([np.array(a) - np.median(a), np.array(b) - np.median(b)])
    observed = plain_ratio(np.array(a), np.array(b)), abs(np.log(np.std(a, ddof=1) / np.std(b, ddof=1)))
    reached = []
    for chosen in combinations(range(len(residuals)), len(a)):
        x, y = residuals[list(chosen)], np.delete(residuals, chosen)
        ratio = abs(np.log(x.std(ddof=1) / y.std(ddof=1)))
        reached.append((plain_ratio(x, y) >= observed[0] - 1e-9, ratio >= observed[1] - 1e-9))
    found = permutation_tests(np.array([a]), np.array([b]), np.random.default_rng(0))
    assert [found.levene[0], found.log_std_ratio[0]] == pytest.approx(np.mean(reached, axis=0), abs=0.015)


def test_with_odd_numbers_of_scores_the_permuted_statistic_is_levenes() -> None:
    random = np.random.default_rng(1)
    a, b = random.normal(size=(5, 13)), random.normal(scale=2, size=(5, 9))
    ratio = levene_ratio(a, b)
    assert 20 * ratio / (1 - ratio) == pytest.approx(levene_statistic(a, b))


def test_a_pair_has_the_same_p_values_alone_and_among_others() -> None:
    random = np.random.default_rng(2)
    a, b = random.normal(size=(4, 11)), random.normal(scale=2, size=(4, 14))
    together = permutation_tests(a, b, np.random.default_rng(0))
    for row in range(4):
        alone = permutation_tests(a[[row]], b[[row]], np.random.default_rng(0))
        assert (alone.levene[0], alone.log_std_ratio[0]) == (together.levene[row], together.log_std_ratio[row])


def test_exactly_half_collapsed_is_not_taken_for_a_difference_in_spread() -> None:
    whole = list(np.linspace(0, 1, 10))
    half = [*np.linspace(0, 1, 5), *[-10.0] * 5]
    asymptotic = levene_p(whole, half)
    assert asymptotic is not None
    assert asymptotic < 1e-6
    assert permutation_p(whole, half) > 0.005


def test_the_stars_p_value_is_the_larger_one_and_the_asymptotic_one_where_nothing_is_permuted() -> None:
    assert spread_p_value(0.02, 0.03) == 0.03
    assert spread_p_value(0.04, 0.03) == 0.04
    assert spread_p_value(0.04, None) == 0.04
    assert spread_p_value(None, None) is None
    many = np.random.default_rng(0).normal(size=1_200).tolist()
    assert np.isnan(permutation_p(many, [2 * score for score in many]))


def test_fligner_killeen_is_scipys_and_undefined_for_constant_scores() -> None:
    a, b = samples()
    assert of_one_pair(fligner_killeen, a, b) == pytest.approx(stats.fligner(a, b, center="median").pvalue)
    assert of_one_pair(fligner_killeen, [0.5] * 9, b) is None


def test_the_permutation_test_keeps_its_level_on_collapsed_runs_with_means_far_apart() -> None:
    random = np.random.default_rng(5)
    rejected = 0
    for _ in range(400):
        a, b = random.normal(0, 1, 15), random.normal(8, 1, 15)
        a[random.random(15) < 0.2] = -10.0
        b[random.random(15) < 0.2] = -2.0
        rejected += bool(permutation_tests(a[None], b[None], random, permutations=199).levene[0] <= 0.05)
    assert stats.binomtest(rejected, 400, 0.05, alternative="greater").pvalue > 0.01


def test_the_measured_level_shows_why_the_median_is_the_default_centre() -> None:
    median, mean = (false_positive_rate(25, 0.001, center, np.random.default_rng(0), 20_000) for center in CENTERS)
    assert median < 0.004
    assert mean > 0.03


def test_the_level_of_normal_scores_without_collapse_is_the_nominal_one() -> None:
    random = np.random.default_rng(3)
    statistic = levene_statistic(random.normal(size=(20_000, 25)), random.normal(size=(20_000, 25)))
    rate = float((stats.f.sf(statistic, 1, 48) < 0.05).mean())
    assert 0.03 < rate < 0.055


def test_an_unknown_centre_is_named_with_the_nearest() -> None:
    with pytest.raises(UserError, match="'medien': did you mean 'median'"):
        check_center("medien")
