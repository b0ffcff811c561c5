"""Metrics of classes, probabilities and numbers equal scikit-learn's and SciPy's; their constants are the best ones."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics

from stabbench import metrics
from stabbench.metrics import METRICS
from stabbench.tasks import objectives

RNG = np.random.default_rng(0)
CLASSES = RNG.integers(0, 3, size=60)
PREDICTED = np.where(RNG.random(60) < 0.6, CLASSES, RNG.integers(0, 3, size=60))
PROBABILITIES = RNG.dirichlet(np.ones(3), size=60)
BINARY, BINARY_PROBABILITIES = RNG.integers(0, 2, size=40), RNG.dirichlet(np.ones(2), size=40)
NUMBERS = RNG.normal(3, 2, size=50)
NEAR = NUMBERS + RNG.normal(size=50)


def one_against_the_rest(score: Callable[..., float]) -> float:
    return float(np.mean([score(number == CLASSES, PROBABILITIES[:, number]) for number in range(3)]))


EXPECTED: dict[str, tuple[Any, Any, Callable[[], float]]] = {
    "balanced_accuracy": (CLASSES, PREDICTED, lambda: sklearn.metrics.balanced_accuracy_score(CLASSES, PREDICTED)),
    "macro_f1": (CLASSES, PREDICTED, lambda: sklearn.metrics.f1_score(CLASSES, PREDICTED, average="macro")),
    "weighted_f1": (CLASSES, PREDICTED, lambda: sklearn.metrics.f1_score(CLASSES, PREDICTED, average="weighted")),
    "auroc": (
        CLASSES,
        PROBABILITIES,
        lambda: sklearn.metrics.roc_auc_score(CLASSES, PROBABILITIES, multi_class="ovr"),
    ),
    "average_precision": (
        CLASSES,
        PROBABILITIES,
        lambda: one_against_the_rest(sklearn.metrics.average_precision_score),
    ),
    "log_loss": (CLASSES, PROBABILITIES, lambda: sklearn.metrics.log_loss(CLASSES, PROBABILITIES)),
    "pearson": (NUMBERS, NEAR, lambda: scipy.stats.pearsonr(NUMBERS, NEAR).statistic),
    "spearman": (NUMBERS, NEAR, lambda: scipy.stats.spearmanr(NUMBERS, NEAR).statistic),
    "pearson_spearman": (
        NUMBERS,
        NEAR,
        lambda: (scipy.stats.pearsonr(NUMBERS, NEAR).statistic + scipy.stats.spearmanr(NUMBERS, NEAR).statistic) / 2,
    ),
    "r2": (NUMBERS, NEAR, lambda: sklearn.metrics.r2_score(NUMBERS, NEAR)),
    "rmse": (NUMBERS, NEAR, lambda: sklearn.metrics.root_mean_squared_error(NUMBERS, NEAR)),
    "mae": (NUMBERS, NEAR, lambda: sklearn.metrics.mean_absolute_error(NUMBERS, NEAR)),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_scores_equal_those_of_scikit_learn_and_scipy(name: str) -> None:
    labels, predicted, expected = EXPECTED[name]
    assert metrics.find(name).score(labels, predicted) == pytest.approx(expected(), abs=1e-14)


def test_every_installed_metric_is_among_them() -> None:
    assert set(METRICS.names()) == {*EXPECTED, "accuracy", "f1", "mcc"}


def test_of_two_classes_areas_are_those_of_the_second() -> None:
    for name, score in (
        ("auroc", sklearn.metrics.roc_auc_score),
        ("average_precision", sklearn.metrics.average_precision_score),
    ):
        expected = score(BINARY, BINARY_PROBABILITIES[:, 1])
        assert metrics.find(name).score(BINARY, BINARY_PROBABILITIES) == pytest.approx(expected, abs=1e-15)


def test_a_class_that_the_labels_lack_is_left_out_of_areas_and_one_alone_has_none() -> None:
    labels = np.where(CLASSES == 2, 0, CLASSES)
    expected = np.mean([sklearn.metrics.roc_auc_score(labels == number, PROBABILITIES[:, number]) for number in (0, 1)])
    assert metrics.find("auroc").score(labels, PROBABILITIES) == pytest.approx(expected, abs=1e-15)
    assert math.isfinite(metrics.find("log_loss").score(labels, PROBABILITIES))
    with pytest.raises(ValueError, match="one class only have no area"):
        metrics.find("auroc").score(np.zeros(60, dtype=int), PROBABILITIES)


def test_no_score_warns_of_what_nobody_predicted() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("balanced_accuracy", "macro_f1", "weighted_f1"):
            metrics.find(name).score(np.array([0, 1, 1]), np.array([2, 2, 2]))
        for name in ("pearson", "spearman", "r2"):
            assert metrics.find(name).score(np.array([0.1, 0.2, 0.4]), np.full(3, 0.1)) <= 0.0


@pytest.mark.parametrize("name", [name for name, entry in EXPECTED.items() if entry[0] is CLASSES])
def test_the_trivial_score_of_classes_is_the_best_of_all_constants(name: str) -> None:
    metric = metrics.find(name)
    found = objectives.find().trivial(CLASSES, {name: metric}, ("a", "b", "c"))
    if metric.takes == "predictions":
        constants = [metric.score(CLASSES, np.full(60, number)) for number in range(3)]
        assert constants[int(found.predictions[name])] == found.scores[name]
    else:
        grid = np.linspace(0.05, 0.95, 19)
        points = [(a, b, 1 - a - b) for a in grid for b in grid if a + b < 0.99]
        points.append(tuple((np.bincount(CLASSES) / 60).tolist()))
        constants = [metric.score(CLASSES, np.tile(point, (60, 1))) for point in points]
    best = min(constants) if metric.kind.lower else max(constants)
    assert found.scores[name] == pytest.approx(best, abs=1e-12)
    if metric.kind.trivial is not None:
        assert found.scores[name] == metric.kind.trivial


@pytest.mark.parametrize("name", [name for name, entry in EXPECTED.items() if entry[0] is NUMBERS])
def test_the_trivial_score_of_numbers_is_the_best_of_all_constants(name: str) -> None:
    metric = metrics.find(name)
    found = objectives.find("regression").trivial(NUMBERS, {name: metric}, ())
    grid = [*np.linspace(NUMBERS.min(), NUMBERS.max(), 1001), NUMBERS.mean(), np.median(NUMBERS)]
    constants = [metric.score(NUMBERS, np.full(50, constant)) for constant in grid]
    best = min(constants) if metric.kind.lower else max(constants)
    assert found.scores[name] == pytest.approx(best, abs=1e-12)
    assert metric.score(NUMBERS, np.full(50, found.predictions[name])) == pytest.approx(found.scores[name], abs=1e-12)
    assert found.prediction == NUMBERS.mean()
    if metric.kind.trivial is not None:
        assert found.scores[name] == metric.kind.trivial


def test_constants_of_probabilities_have_a_share_for_every_class_also_for_one_that_dev_lacks() -> None:
    labels = np.array([0, 1, 1, 0, 1])
    found = objectives.find().trivial(labels, {"average_precision": metrics.find("average_precision")}, ("a", "b", "c"))
    constant = metrics.find("average_precision").score(labels, np.full((5, 3), 1 / 3))
    assert found.scores["average_precision"] == pytest.approx(constant, abs=1e-15)
    assert found.scores["average_precision"] == pytest.approx((0.4 + 0.6) / 2)
