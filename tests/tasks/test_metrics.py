"""The metrics equal scikit-learn's, in every degenerate case too."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from stabbench.errors import UserError
from stabbench.tasks.metrics import Constant, best_constants, confusion_matrix, score


def rows(largest: int) -> st.SearchStrategy[list[tuple[int, int]]]:
    return st.lists(st.tuples(st.integers(0, largest), st.integers(0, largest)), min_size=1, max_size=60)


def sklearn_scores(labels: list[int], predictions: list[int]) -> dict[str, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "accuracy": float(accuracy_score(labels, predictions)),
            "f1": float(f1_score(labels, predictions, labels=[1], average="macro", zero_division=0)),
            "mcc": float(matthews_corrcoef(labels, predictions)),
        }


@settings(max_examples=150, deadline=None)
@given(st.one_of(rows(1), rows(3)))
def test_scores_equal_those_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    labels, predictions = map(list, zip(*pairs, strict=True))
    for metric, expected in sklearn_scores(labels, predictions).items():
        assert score(metric, labels, predictions) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("labels", "predictions"),
    [([0], [0]), ([1], [1]), ([0, 0], [1, 1]), ([1, 1], [0, 0]), ([0, 1], [0, 0]), ([1, 1, 0], [1, 1, 1])],
)
def test_what_is_undefined_is_zero_as_in_scikit_learn(labels: list[int], predictions: list[int]) -> None:
    for metric, expected in sklearn_scores(labels, predictions).items():
        assert score(metric, labels, predictions) == expected


@given(rows(2))
def test_the_order_of_the_examples_changes_nothing(pairs: list[tuple[int, int]]) -> None:
    labels, predictions = map(np.array, zip(*pairs, strict=True))
    for metric in ("accuracy", "f1", "mcc"):
        assert score(metric, labels, predictions) == score(metric, labels[::-1], predictions[::-1])


@given(st.lists(st.integers(0, 2), min_size=1, max_size=60))
def test_no_constant_classifier_scores_more_than_the_best_one(labels: list[int]) -> None:
    best = best_constants(labels, ["accuracy", "mcc", "f1"])
    for metric, constant in best.items():
        scores = {label: score(metric, labels, [label] * len(labels)) for label in range(3)}
        assert constant.score == max(scores.values()) == scores[constant.label]
    assert best["accuracy"].score == max(labels.count(value) for value in set(labels)) / len(labels)
    assert best["mcc"].score == 0.0


def test_of_equal_constants_it_is_the_most_frequent_label_and_then_the_smallest() -> None:
    assert best_constants([1, 0, 1, 0], ["accuracy", "f1"]) == {"accuracy": Constant(0, 0.5), "f1": Constant(1, 2 / 3)}
    assert best_constants([2, 2, 0], ["mcc", "f1"]) == {"mcc": Constant(2, 0.0), "f1": Constant(2, 0.0)}


def test_a_large_split_does_not_overflow() -> None:
    labels = np.arange(200_000) % 2
    assert score("mcc", labels, labels) == pytest.approx(1.0)
    assert score("mcc", labels, 1 - labels) == pytest.approx(-1.0)


def test_an_unknown_metric_is_named_with_the_nearest_one() -> None:
    with pytest.raises(UserError, match="unknown metric 'acuracy': did you mean 'accuracy'"):
        score("acuracy", [0], [0])


@pytest.mark.parametrize(
    ("labels", "predictions"), [([], []), ([0, 1], [0]), ([0, -1], [0, 1]), ([0, 1], [0.0, 0.5]), ([[0]], [[0]])]
)
def test_rows_that_do_not_fit_are_an_error(labels: list[int], predictions: list[int]) -> None:
    with pytest.raises(ValueError, match="labels and predictions must"):
        confusion_matrix(labels, predictions)
