from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from stabbench.analysis.calibration import false_positive_rate
from stabbench.analysis.variances import (
    CENTERS,
    Center,
    check_center,
    levene,
    levene_by_permutation,
    levene_statistic,
)
from stabbench.errors import UserError


def samples(ratio: float = 3.0, n_a: int = 25, n_b: int = 20, shift: float = 0.0) -> tuple[list[float], list[float]]:
    random = np.random.default_rng(7)
    return list(random.normal(0.7, 0.01, n_a)), list(random.normal(0.6 + shift, 0.01 * ratio, n_b))


def permutation_p(a: list[float], b: list[float], seed: int = 0) -> float:
    p = levene_by_permutation(a, b, np.random.default_rng(seed))
    assert p is not None
    return p


@pytest.mark.parametrize("center", CENTERS)
def test_levenes_p_value_is_that_of_an_anova_of_the_deviations(center: Center) -> None:
    a, b = samples()
    middle = np.median if center == "median" else np.mean
    deviations = [np.abs(np.array(x) - float(middle(x))) for x in (a, b)]
    expected = stats.f_oneway(*deviations).pvalue
    assert levene(a, b, center) == pytest.approx(expected)


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
    assert levene(a, b) is None
    assert levene_by_permutation(a, b, np.random.default_rng(0)) is None


def test_a_strategy_compared_with_itself_gives_p_1() -> None:
    a, _ = samples()
    assert levene(a, a) == pytest.approx(1.0)
    assert permutation_p(a, a) == 1.0


def test_neither_the_order_of_samples_nor_of_scores_changes_a_p_value() -> None:
    a, b = samples()
    for p in (levene(b, a), levene(a[::-1], b[::-1])):
        assert p == pytest.approx(levene(a, b), rel=1e-12)
    assert permutation_p(a, b) == permutation_p(b, a) == permutation_p(a[::-1], b[::-1])


def test_a_shift_of_one_sample_changes_no_p_value() -> None:
    a, b = samples(ratio=1.4)
    _, shifted = samples(ratio=1.4, shift=8.0)
    assert levene(a, shifted) == pytest.approx(levene(a, b))
    assert permutation_p(a, shifted) == pytest.approx(permutation_p(a, b), abs=0.002)


def test_the_permutation_p_value_is_never_zero_and_is_smallest_where_nothing_reaches_the_statistic() -> None:
    a, b = samples(ratio=50)
    assert permutation_p(a, b) == 1 / 10_000


def test_the_permutation_p_value_is_the_share_over_all_rearrangements_of_the_residuals() -> None:
    a, b = [0.0, 1.0, 2.0, 9.0], [3.0, 3.5, 4.1, 4.2]
    residuals = np.concatenate([np.array(a) - np.median(a), np.array(b) - np.median(b)])
    observed = stats.levene(a, b).statistic
    reached = []
    for chosen in combinations(range(8), 4):
        left = [index for index in range(8) if index not in chosen]
        statistic = levene_statistic(residuals[list(chosen)][None], residuals[left][None])[0]
        reached.append(statistic >= observed * (1 - 1e-9))
    assert permutation_p(a, b) == pytest.approx(np.mean(reached), abs=0.015)


def test_the_permutation_test_keeps_its_level_on_collapsed_runs_with_means_far_apart() -> None:
    random = np.random.default_rng(5)
    rejected = 0
    for _ in range(400):
        a, b = random.normal(0, 1, 15), random.normal(8, 1, 15)
        a[random.random(15) < 0.2] = -10.0
        b[random.random(15) < 0.2] = -2.0
        p = levene_by_permutation(a, b, random, permutations=199)
        rejected += p is not None and p <= 0.05
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
