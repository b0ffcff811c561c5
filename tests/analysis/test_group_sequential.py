"""Group-sequential permutation tests: their statistic, their boundary, and that they keep their level."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, product

import numpy as np
import pytest
from scipy import stats

from benchmarks.calibration_cases import collapsed, heavy, normal
from stabbench.analysis.group_sequential import (
    asymptotic,
    draw_orders,
    first_crossings,
    look,
    permutation_p,
)
from stabbench.analysis.permutation import levene_ratio
from stabbench.analysis.spread import Array
from stabbench.looks import Question

EIGHT = np.arange(8)
BOTH: tuple[Question, ...] = ("spread", "level")


def orders_of(n: int, stages: int, permutations: int, seed: int = 0, question: Question = "spread") -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [draw_orders(n, permutations, random, question) for _ in range(stages)]


@pytest.mark.parametrize("n", [4, 5])
def test_the_spread_that_is_seen_is_the_levene_ratio_of_the_scores(n: int) -> None:
    a, b = np.random.default_rng(1).normal(size=(2, 6, 3 * n))
    found = look(a, b + 7, orders_of(n, 3, 5), "spread")
    assert found[:, 0] == pytest.approx(levene_ratio(a, b))


def test_a_permutation_is_that_of_the_residuals_within_each_stage() -> None:
    a, b = np.random.default_rng(1).normal(size=(2, 1, 10))
    orders = orders_of(5, 2, 30)
    residuals = [x[0] - np.median(x) for x in (a, b)]
    found = look(a, b, orders, "spread")[0]
    for number in range(1, 31):
        mixed: list[list[float]] = [[], []]
        for stage, order in enumerate(orders):
            pool = np.concatenate([x[5 * stage : 5 * stage + 5] for x in residuals])[order[number]]
            mixed[0] += pool[:5].tolist()
            mixed[1] += pool[5:].tolist()
        expected = levene_ratio(np.array(mixed[:1]), np.array(mixed[1:]))[0]
        assert found[number] == pytest.approx(expected)


def test_one_look_at_the_level_is_the_permutation_test_of_means() -> None:
    a, b = np.random.default_rng(2).normal(size=(2, 5))
    b = b + 1.2
    pooled = np.concatenate([a, b])
    splits = [np.array(split) for split in combinations(range(10), 5)]
    orders = np.array([[*split, *np.setdiff1d(np.arange(10), split)] for split in splits])
    p = permutation_p(look(a[None], b[None], [orders], "level"))[0]
    expected = stats.permutation_test((a, b), lambda x, y: abs(x.mean() - y.mean()), alternative="greater").pvalue
    assert p == pytest.approx(expected)
    between = 5 * ((a.mean() - pooled.mean()) ** 2 + (b.mean() - pooled.mean()) ** 2)
    assert look(a[None], b[None], [orders], "level")[0, 0] == pytest.approx(
        between / ((pooled - pooled.mean()) ** 2).sum()
    )


def test_a_shift_of_an_arm_changes_no_look_at_spread() -> None:
    a, b = np.random.default_rng(4).normal(size=(2, 3, 10))
    orders = orders_of(5, 2, 20)
    assert look(a, b + 8, orders, "spread") == pytest.approx(look(a, b, orders, "spread"), abs=1e-12)


def test_at_each_look_no_more_have_crossed_than_may_and_ties_count_against() -> None:
    random = np.random.default_rng(5)
    count, stages, alpha = 200, 4, 0.1
    looks = [np.round(random.random((50, count)), 2) for _ in range(stages)]  # with ties
    crossed = np.zeros((50, count), dtype=int)
    free = [np.zeros(50)] * stages
    for place in range(count):  # each column in turn as what is seen
        rolled = [np.roll(statistics, -place, axis=1) for statistics in looks]
        crossed[:, place] = first_crossings(rolled, free, alpha, stages)
    for number in range(1, stages + 1):
        so_far = ((crossed > 0) & (crossed <= number)).sum(axis=1)
        assert (so_far <= alpha * number / stages * count).all()
    assert (crossed > 0).sum() > 0.8 * alpha * count * 50


def test_what_crosses_is_told_apart_only_where_the_asymptotic_p_value_agrees() -> None:
    looks = [np.array([[1.0, *np.linspace(0, 0.9, 99)]])] * 2
    assert first_crossings(looks, [np.array([0.0])] * 2, 0.05, 2).tolist() == [1]
    assert first_crossings(looks, [np.array([0.03]), np.array([0.03])], 0.05, 2).tolist() == [2]
    assert first_crossings(looks, [np.array([0.03]), np.array([0.06])], 0.05, 2).tolist() == [0]


@pytest.mark.parametrize("question", BOTH)
@pytest.mark.parametrize("draw", [normal, collapsed, heavy])
def test_arms_that_do_not_differ_are_told_apart_no_more_often_than_alpha(
    question: Question, draw: Callable[[np.random.Generator, int, int], Array]
) -> None:
    random = np.random.default_rng(6)
    rejected = 0
    for batch in range(8):
        a, b = draw(random, 100, 20), draw(random, 100, 20)
        orders = orders_of(5, 4, 199, batch, question)
        parts = [(a[:, :n], b[:, :n]) for n in (5, 10, 15, 20)]
        looks = [look(x, y, orders[: number + 1], question) for number, (x, y) in enumerate(parts)]
        rejected += int((first_crossings(looks, [asymptotic(x, y, question) for x, y in parts], 0.1, 4) > 0).sum())
    assert stats.binomtest(rejected, 800, 0.1, alternative="greater").pvalue > 0.001
    assert rejected > 8


def test_the_level_is_tested_by_swaps_within_seeds() -> None:
    random = np.random.default_rng(7)
    a, b = random.normal(size=(2, 1, 8))
    differences = (a - b)[0]
    signs = np.array(list(product([1, -1], repeat=8)))
    orders = np.array([[*np.where(row > 0, EIGHT, EIGHT + 8), *np.where(row > 0, EIGHT + 8, EIGHT)] for row in signs])
    expected = (np.abs(signs @ differences) >= abs(differences.sum()) - 1e-9).mean()
    assert permutation_p(look(a, b, [orders], "level"))[0] == pytest.approx(expected)
    drawn = {tuple(order) for order in draw_orders(8, 4_000, random, "level").tolist()}
    assert drawn == {tuple(order) for order in orders.tolist()}


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_arms_of_one_level_that_share_seeds_and_spread_differently_are_told_apart_no_more_often_than_alpha(
    scale: float,
) -> None:
    random = np.random.default_rng(8)
    seeds = random.normal(size=(1_000, 20))
    a, b = seeds + scale * random.normal(size=(1_000, 20)), seeds + random.normal(size=(1_000, 20))
    orders = orders_of(5, 4, 199, question="level")
    looks = [look(a[:, :n], b[:, :n], orders[: n // 5], "level") for n in (5, 10, 15, 20)]
    rejected = int((first_crossings(looks, [np.zeros(1_000)] * 4, 0.1, 4) > 0).sum())
    assert stats.binomtest(rejected, 1_000, 0.1).pvalue > 0.001
