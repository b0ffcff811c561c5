"""How far apart two trainings of one recipe come out."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy import stats

from stabbench.analysis.differences import chance, margin

SCORES = np.array([0.50, 0.52, 0.55, 0.61])


def random() -> np.random.Generator:
    return np.random.default_rng(0)


def test_of_one_seed_each_all_pairs_of_runs_are_counted() -> None:
    assert chance(SCORES, 0.05, 1, random()).share == pytest.approx(4 / 6)
    assert chance(SCORES, 0.11, 1, random()).share == pytest.approx(1 / 6)
    assert chance(SCORES, 0.12, 1, random()).share == 0


def test_of_more_seeds_the_share_is_that_of_normal_means() -> None:
    scores = stats.norm.ppf((np.arange(200) + 0.5) / 200)
    expected = 2 * stats.norm.sf(0.5 / (scores.std(ddof=1) * (2 / 10) ** 0.5))
    assert chance(scores, 0.5, 10, random()).share == pytest.approx(expected, abs=0.01)


def test_memory_does_not_grow_with_the_seeds() -> None:
    tracemalloc.start()
    try:
        found = chance(SCORES, 0.002, 500, random())
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()
    assert found.share == pytest.approx(2 * stats.norm.sf(0.002 / (SCORES.std(ddof=1) * (2 / 500) ** 0.5)), abs=0.01)


def test_from_the_seeds_needed_on_it_happens_in_under_a_twentieth_of_the_cases() -> None:
    scores = stats.norm.ppf((np.arange(200) + 0.5) / 200)
    found = chance(scores, 0.5, 1, random())
    assert found.within_noise
    assert chance(scores, 0.5, found.seeds_needed, random()).share == pytest.approx(0.05, abs=0.01)
    assert margin(float(scores.std(ddof=1)), found.seeds_needed) <= 0.5
