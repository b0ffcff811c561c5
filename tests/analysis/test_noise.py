"""The parts of a variance over seeds: the dev set's noise, and what is beyond it."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats
from statsmodels.stats.contingency_tables import cochrans_q

from stabbench.analysis.contributions import Contributions, of_means
from stabbench.analysis.noise import noise, way_out
from stabbench.analysis.noise_pairs import PERMUTATIONS, equal_beyond, kernel, permutations_of

Bools = npt.NDArray[np.bool_]

CORRECTNESS = arrays.arrays(np.bool_, st.tuples(st.integers(2, 8), st.integers(2, 30)))


def runs_of(random: np.random.Generator, abilities: npt.NDArray[np.float64], examples: int = 400) -> Bools:
    """Which of some examples of different difficulty each of these runs has right."""
    chances = 1 / (1 + np.exp(-(1.0 + abilities[:, None] + random.normal(0, 1.5, examples))))
    return np.asarray(random.random(chances.shape) < chances)


@given(CORRECTNESS)
def test_the_parts_are_those_of_their_definition(right: Bools) -> None:
    runs, n = right.shape
    found = noise(of_means(right))
    assert found is not None
    seen = np.var([np.mean(row) for row in right], ddof=1)
    of_examples = np.mean([np.var(column, ddof=1) for column in right.T.astype(float)])
    assert found.variance == pytest.approx(seen)
    assert found.floor == pytest.approx(of_examples / n)
    assert found.beyond == pytest.approx((n * seen - of_examples) / (n - 1), abs=1e-15)
    assert 0 <= found.low <= found.high
    assert found.runs == runs


@given(CORRECTNESS)
def test_the_part_beyond_is_the_mean_covariance_of_two_examples(right: Bools) -> None:
    covariances = np.cov(right.T.astype(float))
    n = right.shape[1]
    pairs = [covariances[i, j] for i, j in combinations(range(n), 2)]
    found = noise(of_means(right))
    assert found is not None
    assert found.beyond == pytest.approx(np.mean(pairs), abs=1e-14)


@given(CORRECTNESS)
def test_it_is_the_mean_over_pairs_of_runs_of_the_tests_kernel(right: Bools) -> None:
    pairs = kernel(right.astype(float))
    found = noise(of_means(right))
    assert found is not None
    mean = np.mean([pairs[r, s] for r, s in combinations(range(len(right)), 2)])
    assert found.beyond == pytest.approx(mean, abs=1e-14)


def test_the_variance_over_the_floor_is_cochrans_q_over_its_degrees_of_freedom() -> None:
    right = runs_of(np.random.default_rng(3), np.random.default_rng(4).normal(0, 0.3, 12))
    found = noise(of_means(right))
    assert found is not None
    assert found.variance / found.floor == pytest.approx(cochrans_q(right.T.astype(int)).statistic / 11)


@given(CORRECTNESS, st.randoms())
def test_the_order_of_runs_and_examples_is_of_no_account(right: Bools, random: object) -> None:
    order = np.random.default_rng(0)
    mixed = order.permutation(order.permutation(right, axis=0), axis=1)
    found, again = noise(of_means(right)), noise(of_means(mixed))
    assert found is not None
    assert again is not None
    expected = pytest.approx((found.beyond, found.low, found.high), rel=1e-9, abs=1e-12)
    assert (again.beyond, again.low, again.high) == expected


@given(CORRECTNESS, st.floats(0.1, 100), st.floats(-5, 5))
@example(np.zeros((5, 2), dtype=np.bool_), 1.0, 1.0499669015787383e-85)
def test_another_unit_of_the_score_changes_the_unit_alone(right: Bools, factor: float, shift: float) -> None:
    found, other = noise(of_means(right)), noise(of_means(right * factor + shift))
    assert found is not None
    assert other is not None
    assert other.beyond == pytest.approx(found.beyond * factor**2, rel=1e-6, abs=1e-9 * factor**2)
    assert other.high == pytest.approx(found.high * factor**2, rel=1e-5, abs=1e-9 * factor**2)


def test_normal_scores_have_the_classical_interval_less_the_floor() -> None:
    scores = stats.norm.ppf((np.arange(25) + 0.5) / 25)  # flatter than normal: no degree of freedom is lost
    values = np.tile(scores[:, None], 50)
    found = noise(Contributions(scores, values, 50))
    assert found is not None
    assert found.freedom == pytest.approx(24)
    squares = 24 * found.variance
    expected = [squares / stats.chi2.ppf(share, 24) - found.floor for share in (0.975, 0.025)]
    assert [found.low, found.high] == pytest.approx(expected)


def test_runs_that_fail_now_and_then_widen_the_interval() -> None:
    random = np.random.default_rng(0)
    steady = runs_of(random, random.normal(0, 0.3, 25))
    failing = runs_of(random, np.where(np.arange(25) < 2, -3.0, 0.0))
    found, other = noise(of_means(steady)), noise(of_means(failing))
    assert found is not None
    assert other is not None
    assert other.freedom < 6 < 12 < found.freedom


def test_equally_good_runs_are_not_told_apart_and_unequal_ones_are() -> None:
    random = np.random.default_rng(1)
    equal, unequal = (
        noise(of_means(runs_of(random, abilities))) for abilities in (np.zeros(25), np.linspace(-1, 1, 25))
    )
    assert equal is not None
    assert unequal is not None
    assert not equal.distinguishable
    assert equal.share == pytest.approx(1, abs=0.5)
    assert unequal.distinguishable
    assert unequal.share < 0.1


def test_one_run_has_no_parts_and_equal_scores_have_no_share() -> None:
    assert noise(of_means(np.ones((1, 20), dtype=bool))) is None
    found = noise(of_means(np.ones((5, 20), dtype=bool)))
    assert found is not None
    assert np.isnan(found.share)
    assert (found.low, found.high) == (0, 0)
    assert way_out(found) is None


def test_with_the_examples_of_the_way_out_the_floor_is_a_quarter_and_the_spread_is_told_from_it() -> None:
    right = runs_of(np.random.default_rng(7), np.random.default_rng(8).normal(0, 0.12, 25), 300)
    found = noise(of_means(right))
    assert found is not None
    assert found.beyond > 0
    way = way_out(found)
    assert way is not None
    of_one = found.floor * found.examples
    assert of_one / way.examples / (of_one / way.examples + found.beyond) == pytest.approx(0.25, abs=0.001)
    assert way.runs_to_tell is not None
    for runs, examples in ((found.runs, way.examples_to_tell), (way.runs_to_tell, found.examples)):
        floor, freedom = of_one / examples, found.freedom * (runs - 1) / (found.runs - 1)
        limit = stats.chi2.ppf(0.975, freedom) * floor / (found.beyond + floor)
        assert stats.chi2.sf(limit, freedom) == pytest.approx(0.8, abs=0.02)


def test_a_spread_that_is_not_told_takes_more_examples_or_runs_than_there_are() -> None:
    random = np.random.default_rng(11)
    failing = [np.where(random.random(25) < 0.08, -2.0, 0.0) for _ in range(30)]
    cells = [noise(of_means(runs_of(random, abilities, 60))) for abilities in failing]
    unknown = [(item, way) for item in cells if item and not item.distinguishable and (way := way_out(item))]
    assert len(unknown) > 5
    assert all(way.examples_to_tell > item.examples for item, way in unknown)
    assert all(way.runs_to_tell is None or way.runs_to_tell > item.runs for item, way in unknown)


def test_no_interval_is_wider_than_the_scores_can_be() -> None:
    right = np.ones((4, 30), dtype=bool)
    right[0, :6] = False
    free, bounded = noise(of_means(right)), noise(of_means(right), 1.0)
    assert free is not None
    assert bounded is not None
    assert free.interval[1] > 0.5
    assert bounded.interval == (free.interval[0], 0.5)


def test_strategies_with_the_same_runs_do_not_differ_and_p_is_the_same_both_ways() -> None:
    random = np.random.default_rng(2)
    one, other = (of_means(runs_of(random, random.normal(0, std, 20))) for std in (0.1, 1.0))
    same = equal_beyond(one, one, np.random.default_rng(0), 199)
    assert same.p == 1
    there = equal_beyond(one, other, np.random.default_rng(0), 999)
    back = equal_beyond(other, one, np.random.default_rng(0), 999)
    assert there.p == pytest.approx(back.p, abs=0.01)
    assert there.p < 0.01
    assert (there.first, there.second) == (back.second, back.first)


def test_a_small_p_of_many_tests_has_permutations_for_all_of_them_and_a_large_one_is_as_it_was() -> None:
    random = np.random.default_rng(2)
    one, like, other = (of_means(runs_of(random, random.normal(0, std, 20))) for std in (0.1, 0.1, 2.0))
    assert permutations_of(3) == permutations_of(40) == PERMUTATIONS
    most = permutations_of(561)
    few = equal_beyond(one, other, np.random.default_rng(0)).p
    assert few == 1 / (1 + PERMUTATIONS)
    assert 561 * few > 0.05
    many = equal_beyond(one, other, np.random.default_rng(0), most=most).p
    assert 1 / (1 + most) <= many < few
    assert 561 * many < 0.05
    p = [equal_beyond(one, like, np.random.default_rng(0), most=each).p for each in (PERMUTATIONS, most)]
    assert p[0] == p[1] > 0.01


def test_another_level_and_another_floor_are_no_other_spread() -> None:
    random = np.random.default_rng(5)
    p = []
    for _ in range(40):
        easy, hard = (of_means(runs_of(random, level + np.zeros(12), 150)) for level in (1.5, -0.5))
        p.append(equal_beyond(easy, hard, random, 199).p)
    assert stats.binomtest(sum(value <= 0.1 for value in p), 40, 0.1, alternative="greater").pvalue > 0.001


def test_two_cells_of_other_examples_or_of_few_runs_are_not_tested() -> None:
    random = np.random.default_rng(6)
    one = of_means(runs_of(random, np.zeros(10), 100))
    assert np.isnan(equal_beyond(one, of_means(runs_of(random, np.zeros(10), 90)), random).p)
    assert np.isnan(equal_beyond(one, of_means(runs_of(random, np.zeros(4), 100)), random).p)


def test_thousands_of_runs_are_tested_by_the_normal_limit_of_the_permutations() -> None:
    random = np.random.default_rng(9)
    one, other = (of_means(runs_of(random, random.normal(0, 0.3, 550), 60)) for _ in range(2))
    limit = equal_beyond(one, other, random).p
    few = [Contributions(side.scores[:450], side.values[:450], 60) for side in (one, other)]
    permuted = equal_beyond(few[0], few[1], random, 999).p
    again = equal_beyond(one, other, random).p
    assert limit == again
    assert 0 < permuted <= 1
    assert 0 < limit <= 1
