from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from stabbench.analysis.design import ALPHAS, RATIOS, SEEDS_NEEDED, design_curves, detectable_ratio, power, seeds_needed


def test_the_power_is_the_share_of_scipys_tests_that_reject() -> None:
    random = np.random.default_rng(9)
    p = [stats.levene(random.normal(0, 1, 10), random.normal(0, 3, 10)).pvalue for _ in range(1_000)]
    assert power(10, 3.0, 0.05) == pytest.approx(np.mean(np.array(p) < 0.05), abs=0.05)


def test_the_seeds_needed_are_those_known_for_the_median_centred_test_on_normal_scores() -> None:
    table = design_curves()
    assert table["ratio"].tolist() == [1.5, 2, 3, 5]
    assert table["seeds_0.05"].tolist() == pytest.approx([62, 25, 13, 9], abs=2)
    assert table["seeds_0.001"].tolist() == pytest.approx([130, 52, 28, 19], abs=2)


def test_the_seeds_needed_that_are_written_down_are_those_that_are_found() -> None:
    assert {(ratio, alpha): seeds_needed(ratio, alpha) for ratio in RATIOS for alpha in ALPHAS} == SEEDS_NEEDED


def test_from_the_seeds_needed_on_the_power_is_there() -> None:
    n = seeds_needed(2.0, 0.05)
    assert n is not None
    assert min(power(n, 2.0, 0.05), power(n + 1, 2.0, 0.05)) >= 0.8
    assert min(power(n - 1, 2.0, 0.05), power(n, 2.0, 0.05)) < 0.8


def test_the_detectable_ratio_and_the_seeds_needed_agree() -> None:
    ratio = detectable_ratio(25, 0.05)
    assert ratio == pytest.approx(2.0, abs=0.1)
    assert detectable_ratio(5, 0.001) is None


def test_equal_spread_cannot_be_found_to_differ() -> None:
    with pytest.raises(ValueError, match="above 1"):
        seeds_needed(1.0, 0.05)
    assert seeds_needed(1.01, 0.05) is None
