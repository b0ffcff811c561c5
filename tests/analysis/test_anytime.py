"""The e-value of two failure rates: exact by enumeration, anytime-valid by simulation."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stabbench.analysis.anytime import PRIOR, evidence, log_e_values

OUTCOMES = list(product([False, True], repeat=2))
FLAGS = st.lists(st.booleans(), min_size=1, max_size=12)


def exact_e(a: tuple[bool, ...], b: tuple[bool, ...]) -> Fraction:
    """The e-value after the last block in exact arithmetic, from its definition."""
    prior, e = Fraction(18, 100), Fraction(1)
    for block, (x, y) in enumerate(zip(a, b, strict=True)):
        rates = [(prior + sum(arm[:block])) / (2 * prior + block) for arm in (a, b)]
        pooled = (rates[0] + rates[1]) / 2
        for failed, rate in ((x, rates[0]), (y, rates[1])):
            e = e * rate / pooled if failed else e * (1 - rate) / (1 - pooled)
    return e


def test_the_e_value_is_that_of_its_definition_in_exact_arithmetic() -> None:
    assert Fraction(18, 100) == pytest.approx(PRIOR)
    for blocks in product(OUTCOMES, repeat=4):
        a, b = zip(*blocks, strict=True)
        assert evidence(a, b).e == pytest.approx(float(exact_e(a, b)), rel=1e-12)


@pytest.mark.parametrize("rate", [Fraction(0), Fraction(1, 50), Fraction(1, 5), Fraction(1, 2), Fraction(9, 10)])
def test_its_expectation_is_at_most_one_under_equal_rates_exactly(rate: Fraction) -> None:
    expectation = Fraction(0)
    for blocks in product(OUTCOMES, repeat=4):
        a, b = zip(*blocks, strict=True)
        failed = sum(a) + sum(b)
        expectation += rate**failed * (1 - rate) ** (8 - failed) * exact_e(a, b)
    assert Fraction(1, 2) < expectation <= 1


def test_its_expectation_is_above_one_where_the_rates_differ() -> None:
    expectation = Fraction(0)
    for blocks in product(OUTCOMES, repeat=4):
        a, b = zip(*blocks, strict=True)
        if not any(b):
            expectation += Fraction(1, 2) ** 4 * exact_e(a, b)  # rates 1/2 and 0
    assert expectation > Fraction(3, 2)


@given(FLAGS, FLAGS, st.integers(1, 9), st.integers(0, 10))
def test_given_any_past_the_next_factor_is_worth_no_more_than_one_for_independent_or_positively_correlated_runs(
    a: list[bool], b: list[bool], tenths: int, shared: int
) -> None:
    n = min(len(a), len(b))
    past_a, past_b, rate, together = tuple(a[:n]), tuple(b[:n]), Fraction(tenths, 10), Fraction(shared, 10)
    expectation = Fraction(0)
    for x, y in OUTCOMES:
        alone = (rate if x else 1 - rate) * (rate if y else 1 - rate)
        chance = (1 - together) * alone + together * (0 if x != y else rate if x else 1 - rate)
        expectation += chance * exact_e((*past_a, x), (*past_b, y))
    assert expectation <= exact_e(past_a, past_b)


@given(FLAGS, FLAGS)
def test_neither_the_order_of_arms_nor_what_counts_as_a_failure_changes_it(a: list[bool], b: list[bool]) -> None:
    found = evidence(a, b)
    assert evidence(b, a).e == pytest.approx(found.e)
    assert evidence([not x for x in a], [not x for x in b]).largest == pytest.approx(found.largest)


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.5])
def test_looked_at_after_every_seed_it_rejects_equal_rates_at_most_as_often_as_it_says(rate: float) -> None:
    random = np.random.default_rng(3)
    logs = log_e_values(random.random((20_000, 100)) < rate, random.random((20_000, 100)) < rate)
    share = (logs.max(axis=1) >= math.log(20)).mean()
    assert share <= 0.05
    assert rate < 0.2 or share > 0.01  # and it does reject: the test is not empty


def test_seeds_that_one_arm_alone_has_are_not_counted() -> None:
    assert evidence([True] * 5 + [False] * 20, [False] * 5) == evidence([True] * 5, [False] * 5)
    assert (evidence([], [True]).e, evidence([], [True]).p, evidence([], [True]).seeds) == (1.0, 1.0, 0)


def test_the_p_value_is_that_of_the_largest_e_value_so_far() -> None:
    found = evidence([True] * 8 + [False] * 30, [False] * 8 + [True, False, False] * 10)
    assert found.largest > found.e
    assert found.p == pytest.approx(1 / found.largest)
