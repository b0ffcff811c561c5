from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from stabbench.analysis.columns import NAMES, TABLES
from stabbench.analysis.intervals import log_std_ratio_intervals, std_ratio
from stabbench.analysis.levels import mann_whitney, welch
from stabbench.analysis.paired import BySeed, mcnemar, pairs, pitman_morgan, seed_correlation, swap_tests, wilcoxon
from stabbench.analysis.pairwise import P_VALUES, PAIRED_P_VALUES, pairwise
from stabbench.analysis.spread import of_one_pair
from stabbench.analysis.stability import stability
from tests.analysis.test_stability import papers_rte, runs

A = np.random.default_rng(1).normal(0.7, 0.02, 20)
B = 0.5 * A + np.random.default_rng(2).normal(0.3, 0.05, 20)


def random() -> np.random.Generator:
    return np.random.default_rng(0)


def test_the_tests_of_the_level_are_scipys() -> None:
    assert of_one_pair(welch, A, B) == pytest.approx(stats.ttest_ind(A, B, equal_var=False).pvalue)
    assert of_one_pair(mann_whitney, A, B) == pytest.approx(stats.mannwhitneyu(A, B).pvalue)
    assert of_one_pair(mann_whitney, [0.5] * 4, [0.5] * 4) == 1.0
    assert of_one_pair(welch, [0.5] * 4, [0.6] * 4) is None
    assert of_one_pair(mann_whitney, [], B) is None


def test_the_paired_tests_are_those_of_their_definitions() -> None:
    assert of_one_pair(seed_correlation, A, B) == pytest.approx(np.corrcoef(A, B)[0, 1])
    assert of_one_pair(pitman_morgan, A, B) == pytest.approx(stats.pearsonr(A + B, A - B).pvalue)
    assert of_one_pair(wilcoxon, A, B) == pytest.approx(stats.wilcoxon(A, B).pvalue)
    assert of_one_pair(wilcoxon, [0.5, 0.6, 0.7], [0.5, 0.5, 0.6]) == pytest.approx(
        stats.wilcoxon([0.1, 0.1], method="approx").pvalue
    )
    failed_a, failed_b = np.arange(20) < 9, np.arange(20) < 2
    assert mcnemar(failed_a, failed_b) == pytest.approx(2 * 0.5**7)


def test_the_swap_test_is_the_share_over_all_swaps_within_seeds() -> None:
    a, b = A[:8], B[:8]
    left, right = a - np.median(a), b - np.median(b)
    observed = abs(np.log(left.var() / right.var()))
    reached = []
    for number in range(2**8):
        swap = np.array([number >> bit & 1 for bit in range(8)], bool)
        x, y = np.where(swap, right, left), np.where(swap, left, right)
        reached.append(abs(np.log(x.var() / y.var())) >= observed - 1e-9)
    assert swap_tests(a[None], b[None], random())[0] == pytest.approx(np.mean(reached), abs=0.015)


def test_pairs_are_the_seeds_that_both_strategies_have_whatever_the_order_of_rows() -> None:
    table = runs({"a": [0.4, 0.5, 0.2, 0.7], "b": [math.nan, 0.6, 0.65, 0.1]})
    done = table[table["status"] != "missing"]
    a, b = (BySeed.of(done[done["strategy"] == name].iloc[::-1]) for name in ("a", "b"))
    found = pairs(a, b)
    assert found.a.tolist() == [0.5, 0.2, 0.7]
    assert found.b.tolist() == [0.6, 0.65, 0.1]
    assert (found.failed_a.tolist(), found.failed_b.tolist()) == ([False, True, False], [False, False, True])


def test_the_interval_of_the_std_ratio_is_that_of_scipys_percentile_bootstrap() -> None:
    def log_ratio(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
        return np.asarray(np.log(x.std(axis=axis, ddof=1) / y.std(axis=axis, ddof=1)))

    expected = stats.bootstrap(
        (A, B), log_ratio, paired=False, method="percentile", n_resamples=20_000, random_state=3
    ).confidence_interval
    found = std_ratio(A, B, random(), 20_000)
    assert found.ratio == pytest.approx(A.std(ddof=1) / B.std(ddof=1))
    assert np.log([found.low, found.high]) == pytest.approx([expected.low, expected.high], abs=0.03)


def test_swapping_the_samples_inverts_the_interval_and_their_order_is_of_no_account() -> None:
    found, swapped, shuffled = (std_ratio(x, y, random(), 999) for x, y in ((A, B), (B, A), (A[::-1], B)))
    assert (1 / swapped.ratio, 1 / swapped.high, 1 / swapped.low) == pytest.approx((found.ratio, found.low, found.high))
    assert shuffled == found


def test_an_interval_with_a_resample_of_std_0_is_not_estimable() -> None:
    found = std_ratio([0.0] * 12 + [0.3, 0.4], B, random())
    assert found.ratio > 0
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert math.isnan(std_ratio([0.5] * 9, B, random()).ratio)


def test_for_many_scores_the_asymptotic_interval_is_the_bootstraps() -> None:
    a, b = np.random.default_rng(4).normal(size=(2, 1_500))
    low, high = np.exp(log_std_ratio_intervals(a[None], b[None], random(), 1_999)[0])
    found = std_ratio(a, b, random())
    assert (found.low, found.high) == pytest.approx((low, high), rel=0.01)


def test_every_column_of_the_tables_says_which_function_made_it() -> None:
    table = runs(papers_rte())
    for name, made in (("stability.csv", stability(table)), ("pairwise.csv", pairwise(table))):
        documented = [column for entry in TABLES[name] for column in entry.all_names]
        assert len(documented) == len(set(documented))
        assert set(documented) == set(made.columns) - set(NAMES)


@pytest.mark.parametrize("function", sorted({entry.function for entries in TABLES.values() for entry in entries}))
def test_the_functions_named_beside_columns_exist(function: str) -> None:
    import importlib

    module, name = function.split(".")
    assert callable(getattr(importlib.import_module(f"stabbench.analysis.{module}"), name))


def test_a_strategy_compared_with_itself_gives_p_1_in_every_test() -> None:
    mixed = [0.2] * 4 + list(np.linspace(0.5, 0.7, 9))
    (pair,) = pairwise(runs({"a": mixed, "b": mixed})).to_dict("records")
    assert {name: pair[name] for name in (*P_VALUES, *PAIRED_P_VALUES)} == pytest.approx(
        dict.fromkeys((*P_VALUES, *PAIRED_P_VALUES), 1.0)
    )
    assert pair["std_ratio"] == 1
    assert pair["seed_correlation"] == pytest.approx(1)


SCORES = st.lists(st.integers(0, 100).map(lambda value: value / 100), min_size=3, max_size=12)
SPREAD = [name for name in P_VALUES if name.startswith(("p_levene", "p_permutation", "p_spread", "p_log", "p_fligner"))]


@settings(max_examples=8, deadline=None)
@given(a=SCORES, b=SCORES, seed=st.integers(0, 5))
def test_the_order_of_rows_of_seeds_and_names_change_nothing(a: list[float], b: list[float], seed: int) -> None:
    table = runs({"a": a, "b": b})
    (pair,) = pairwise(table).to_dict("records")
    shuffled = table.sample(frac=1, random_state=seed)
    (again,) = pairwise(shuffled).to_dict("records")
    numbers = [*P_VALUES, *PAIRED_P_VALUES, "seed_correlation"]
    expected = {name: pytest.approx(pair[name], rel=1e-9, nan_ok=True) for name in numbers}
    assert {name: again[name] for name in numbers} == expected
    ratio = 1 / again["std_ratio"] if again["strategy_a"] == "b" else again["std_ratio"]
    assert ratio == pytest.approx(pair["std_ratio"], nan_ok=True)
    (renamed,) = pairwise(table.assign(strategy=table["strategy"].map({"a": "z", "b": "y"}))).to_dict("records")
    assert {name: renamed[name] for name in numbers} == expected


@settings(max_examples=8, deadline=None)
@given(a=SCORES, b=SCORES, constant=st.sampled_from([1.0, 0.5, -2.0]))
def test_an_added_constant_changes_no_statistic_of_spread(a: list[float], b: list[float], constant: float) -> None:
    table = runs({"a": a, "b": b})
    (pair,) = pairwise(table).to_dict("records")
    (shifted,) = pairwise(table.assign(score=table["score"] + constant)).to_dict("records")
    for name in [*SPREAD, "std_ratio", "p_paired_pitman_morgan"]:
        assert shifted[name] == pytest.approx(pair[name], abs=1e-6, nan_ok=True), name


def test_two_tasks_are_paired_apart_and_adjusted_together() -> None:
    both = pd.concat([runs(papers_rte()), runs(papers_rte(), task="mrpc")])
    table = pairwise(both)
    assert len(table) == 6
    assert (
        table["p_spread_holm"].iloc[0] == pytest.approx(min(1, 6 * table["p_spread"].iloc[0]))
        or (table["p_spread_holm"] >= table["p_spread"]).all()
    )
