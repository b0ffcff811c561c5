"""How far runs agree about single examples, beside other people's computations."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.spatial.distance import jensenshannon
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

from stabbench.analysis.agreement import agreement

CLASSES = arrays.arrays(np.int64, st.tuples(st.integers(2, 6), st.integers(2, 20)), elements=st.integers(0, 3))


@given(CLASSES)
def test_disagreement_is_the_mean_over_pairs_of_runs(predicted: np.ndarray) -> None:
    pairs = [np.mean(a != b) for a, b in combinations(predicted, 2)]
    assert agreement(predicted).disagreement == pytest.approx(np.mean(pairs))
    assert agreement(predicted).changing == pytest.approx(np.mean([len(set(column)) > 1 for column in predicted.T]))


@given(CLASSES)
def test_kappa_is_that_of_statsmodels(predicted: np.ndarray) -> None:
    if len(np.unique(predicted)) < 2:
        assert np.isnan(agreement(predicted).kappa)
        return
    assert agreement(predicted).kappa == pytest.approx(fleiss_kappa(aggregate_raters(predicted.T)[0]), abs=1e-12)


def test_the_divergence_is_the_mean_over_pairs_of_scipys() -> None:
    random = np.random.default_rng(0)
    probabilities = [random.dirichlet([1, 1, 1], 12) for _ in range(5)]
    predicted = np.stack([each.argmax(axis=1) for each in probabilities])
    expected = [np.mean(jensenshannon(a, b, base=2, axis=1) ** 2) for a, b in combinations(probabilities, 2)]
    assert agreement(predicted, probabilities).divergence == pytest.approx(np.mean(expected))


def test_certain_opposites_are_one_bit_apart_and_equals_none() -> None:
    sure = np.array([[1.0, 0.0], [0.0, 1.0]])
    predicted = np.array([[0, 1], [1, 0]])
    assert agreement(predicted, [sure, sure[::-1]]).divergence == pytest.approx(1)
    assert agreement(predicted[[0, 0]], [sure, sure]).divergence == 0
    assert agreement(predicted).kappa == pytest.approx(-1)


def test_one_run_agrees_with_nobody() -> None:
    found = agreement(np.array([[0, 1, 1]]))
    assert (found.runs, np.isnan(found.disagreement), np.isnan(found.kappa)) == (1, True, True)
