"""Classification as an objective; its metrics equal scikit-learn's, in every degenerate case too."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from stabbench import metrics
from stabbench.errors import UserError
from stabbench.metrics import METRICS
from stabbench.metrics.classification import Accuracy, confusion_matrix
from stabbench.tasks import objectives
from stabbench.tasks.objectives.contract import Trivial

CLASSIFICATION = objectives.find()


def score(metric: str, labels: Any, predictions: Any) -> float:
    return metrics.find(metric).score(labels, predictions)


def trivial(labels: list[int], *names: str) -> Trivial:
    classes = [str(number) for number in range(max(labels) + 1)]
    return CLASSIFICATION.trivial(np.array(labels), {name: metrics.find(name) for name in names}, classes)


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
    best = trivial(labels, "accuracy", "mcc", "f1")
    for metric, found in best.scores.items():
        scores = {label: score(metric, labels, [label] * len(labels)) for label in range(3)}
        assert found == max(scores.values()) == scores[int(best.predictions[metric])]
    assert best.scores["accuracy"] == max(labels.count(value) for value in set(labels)) / len(labels)
    assert best.scores["mcc"] == 0.0


def test_of_equal_constants_it_is_the_most_frequent_label_and_then_the_smallest() -> None:
    even = trivial([1, 0, 1, 0], "accuracy", "f1")
    assert even == Trivial(0, {"accuracy": 0.5, "f1": 2 / 3}, {"accuracy": 0, "f1": 1})
    third = trivial([2, 2, 0], "mcc", "f1")
    assert third == Trivial(2, {"mcc": 0.0, "f1": 0.0}, {"mcc": 2, "f1": 2})


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


def test_the_loss_is_the_mean_cross_entropy_of_each_run_and_divergences_are_symmetric() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(2, 5, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    labels = torch.tensor([[0, 1, 2, 0, 1], [2, 2, 1, 0, 0]])
    for run in range(2):
        expected = -first[run].log_softmax(1)[range(5), labels[run]].mean()
        assert CLASSIFICATION.loss(first, labels)[run].item() == pytest.approx(expected.item(), abs=1e-15)
    apart = CLASSIFICATION.divergences(first, second)
    assert apart.shape == (2, 5)
    assert (apart > 0).all()
    torch.testing.assert_close(apart, CLASSIFICATION.divergences(second, first))


def test_guessing_by_the_shares_is_the_trivial_loss_and_a_run_that_does_so_collapsed() -> None:
    labels = np.array([0, 0, 0, 1])
    entropy = CLASSIFICATION.trivial_loss(labels)
    assert entropy == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))
    assert CLASSIFICATION.shares(labels, ("a", "b", "c")) == [0.75, 0.25, 0.0]
    varied, constant = np.array([0, 1] * 100), np.array([1] * 199 + [0])
    assert CLASSIFICATION.collapsed(constant, 0.0, entropy)
    assert CLASSIFICATION.collapsed(varied, 0.96 * entropy, entropy)
    assert not CLASSIFICATION.collapsed(varied, 0.94 * entropy, entropy)
    assert not CLASSIFICATION.collapsed(varied, None, entropy)


def test_labels_are_indices_and_each_class_has_an_output() -> None:
    assert CLASSIFICATION.outputs(("a", "b", "c")) == 3
    CLASSIFICATION.check(np.array([0, 2]), ("a", "b", "c"))
    for wrong in ([0, 3], [-1, 0]):
        with pytest.raises(ValueError, match=r"the label (3|-1) is not an index into"):
            CLASSIFICATION.check(np.array(wrong), ("a", "b", "c"))


def test_metrics_know_their_direction_range_and_words() -> None:
    found = [metrics.find(name) for name in ("accuracy", "f1", "mcc")]
    assert [metric.words for metric in found] == ["accuracy", "F1", "MCC"]
    assert all(metric.kind.known and metric.kind.fraction and not metric.kind.lower for metric in found)


def test_a_metric_of_another_objective_is_refused() -> None:
    mine = type("Mine", (Accuracy,), {"objective": "regression"})()
    with pytest.raises(UserError, match="metric 'mine' is of regression, expected one of classification"):
        CLASSIFICATION.check_metric("mine", mine)
    for name in METRICS.names():
        metric = metrics.find(name)
        objectives.find(metric.objective).check_metric(name, metric)


def test_scores_are_those_of_the_most_probable_class_or_of_the_probabilities() -> None:
    outputs = np.log(np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.2, 0.6, 0.2]])) + 3.0
    labels = np.array([0, 2, 0])
    assert CLASSIFICATION.score(metrics.find("accuracy"), labels, outputs) == 2 / 3
    expected = -np.log([0.5, 0.7, 0.2]).mean()
    assert CLASSIFICATION.score(metrics.find("log_loss"), labels, outputs) == pytest.approx(expected, abs=1e-15)
