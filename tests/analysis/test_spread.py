from __future__ import annotations

import math

import numpy as np
import pytest

from stabbench.analysis.spread import spread, standard_deviation
from tests.analysis.synthetic import scores_with

TABLE_1 = [
    (4.5, 50.9, 67.5), (3.9, 84.0, 91.2), (25.6, 45.6, 64.6),
    (7.9, 65.3, 74.4), (3.8, 87.8, 91.8), (20.9, 51.9, 64.0),
    (2.7, 67.3, 71.1), (0.8, 90.3, 91.7), (1.8, 62.1, 65.3),
]  # fmt: skip


@pytest.mark.parametrize(("std", "mean", "largest"), TABLE_1)
def test_samples_with_the_papers_moments_are_summarised_as_its_table_1(std: float, mean: float, largest: float) -> None:
    summary = spread(scores_with(mean, std, largest))
    assert (summary.n, round(summary.std, 1), round(summary.mean, 1), summary.max) == (25, std, mean, largest)


def test_the_standard_deviation_divides_by_n_minus_1() -> None:
    assert standard_deviation([1.0, 2.0, 4.0]) == pytest.approx(math.sqrt((16 / 9 + 1 / 9 + 25 / 9) / 2))


def test_quartiles_are_interpolated() -> None:
    summary = spread([0.0, 1.0, 2.0, 3.0, 10.0, 11.0])
    assert (summary.median, summary.iqr, summary.min) == (2.5, 8.25 - 1.25, 0.0)


def test_one_score_has_no_standard_deviation_and_none_has_nothing() -> None:
    assert math.isnan(spread([0.5]).std)
    assert spread([0.5]).mean == 0.5
    assert spread([]).n == 0
    assert math.isnan(spread([]).max)


def test_scores_that_are_all_the_same_spread_by_exactly_zero() -> None:
    assert spread([0.1] * 7).std == 0.0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_score_that_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="diverged run counts with the best constant"):
        spread([0.5, bad])


def test_the_order_of_scores_changes_no_bit() -> None:
    random = np.random.default_rng(0)
    scores = random.normal(size=31)
    assert spread(scores) == spread(random.permutation(scores))
