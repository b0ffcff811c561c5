"""What single examples contribute to a score: what is averaged, or a jackknife's pseudo-values."""

from __future__ import annotations

import numpy as np
import pytest

from stabbench import metrics
from stabbench.analysis.contributions import GROUPS, of_means, of_metric, of_outcomes
from stabbench.analysis.example_stability import Correctness, PredictedNumbers

RANDOM = np.random.default_rng(0)
LABELS = (RANDOM.random(120) < 0.4).astype(np.int64)
ANSWERS = [np.where(RANDOM.random(120) < 0.8, LABELS, 1 - LABELS) for _ in range(6)]
CORRECT = np.stack([answer == LABELS for answer in ANSWERS])
JUDGED = (np.ones(6, dtype=bool), True)


def outcomes(predicted: bool = True) -> Correctness:
    return Correctness(np.arange(120), LABELS, *JUDGED, CORRECT, np.stack(ANSWERS) if predicted else None)


def score(name: str, labels: np.ndarray, answer: np.ndarray) -> float:
    return float(metrics.find(name).score(labels, answer))


@pytest.mark.parametrize("name", ["mcc", "f1", "macro_f1", "balanced_accuracy", "weighted_f1"])
def test_without_an_example_the_score_is_that_of_the_other_ones(name: str) -> None:
    found = of_metric(name, LABELS, ANSWERS)
    assert found is not None
    assert found.units == found.examples == 120
    for run, answer in enumerate(ANSWERS):
        assert found.scores[run] == score(name, LABELS, answer)
        for out in (0, 17, 119):
            kept = np.arange(120) != out
            assert found.without()[run, out] == pytest.approx(score(name, LABELS[kept], answer[kept]))


def test_the_contributions_to_an_accuracy_are_whether_examples_are_right() -> None:
    found = of_metric("accuracy", LABELS, ANSWERS)
    assert found is not None
    np.testing.assert_array_equal(found.values, CORRECT.astype(float))


def test_the_mean_of_an_average_metrics_contributions_is_the_score() -> None:
    probabilities = [np.stack([1 - share, share], axis=1) for share in RANDOM.uniform(0.05, 0.95, (3, 120))]
    found = of_metric("log_loss", LABELS, probabilities)
    assert found is not None
    assert found.units == GROUPS
    assert found.values.mean(axis=1) == pytest.approx(found.scores, rel=1e-3)
    assert found.values.var(axis=1, ddof=1) / GROUPS == pytest.approx(
        [np.var(-np.log(each[np.arange(120), LABELS]), ddof=1) / 120 for each in probabilities], rel=0.35
    )


@pytest.mark.parametrize("name", ["pearson", "spearman", "rmse", "r2", "mae"])
def test_those_to_a_metric_of_numbers_are_of_groups_of_examples(name: str) -> None:
    labels = RANDOM.normal(size=300)
    answers = [labels + RANDOM.normal(0, 0.5, 300) for _ in range(4)]
    found = of_metric(name, labels, answers)
    assert found is not None
    assert found.values.shape == (4, GROUPS)
    assert found.scores == pytest.approx([score(name, labels, answer) for answer in answers])
    assert found.values.mean(axis=1) == pytest.approx(found.scores, abs=0.02)


def test_a_metric_that_nobody_knows_has_none_and_so_has_one_that_leaves_no_class() -> None:
    assert of_metric("wisdom", LABELS, ANSWERS) is None
    one_class = [np.full((120, 2), 0.5)]
    assert of_metric("auroc", np.ones(120, dtype=np.int64), one_class) is None


def test_outcomes_contribute_to_the_scores_that_they_give_under_any_name_of_the_metric() -> None:
    scores = [score("mcc", LABELS, answer) for answer in ANSWERS]
    found = of_outcomes(outcomes(), "eval/matthews_correlation", scores, lambda: None)
    assert found is not None
    assert found.scores == pytest.approx(scores)
    rounded = [round(value, 2) for value in scores]
    assert of_outcomes(outcomes(), "mcc", rounded, lambda: None) is not None


def test_outcomes_that_do_not_give_the_scores_say_nothing_of_them() -> None:
    assert of_outcomes(outcomes(), "mcc", [0.9] * 6, lambda: None) is None
    assert of_outcomes(outcomes(predicted=False), "mcc", [0.31] * 6, lambda: None) is None


@pytest.mark.parametrize("errors", [False, True])
def test_what_is_right_is_enough_for_a_score_that_counts_it(errors: bool) -> None:
    share = CORRECT.mean(axis=1)
    name, scores = ("error_rate", 1 - share) if errors else ("score", share)
    found = of_outcomes(outcomes(predicted=False), name, scores.tolist(), lambda: None)
    assert found is not None
    assert found.scores == pytest.approx(scores)


def test_classes_with_names_count_in_the_order_of_these() -> None:
    words = np.array(["no", "yes"])
    named = Correctness(np.arange(120), words[LABELS], *JUDGED, CORRECT, words[np.stack(ANSWERS)])
    scores = [score("f1", LABELS, answer) for answer in ANSWERS]
    found = of_outcomes(named, "f1", scores, lambda: None)
    assert found is not None
    assert found.scores == pytest.approx(scores)


def test_a_metric_of_probabilities_asks_for_them() -> None:
    shares = RANDOM.uniform(0.05, 0.95, (6, 120))
    probabilities = [np.stack([1 - share, share], axis=1) for share in shares]
    scores = [score("auroc", LABELS, each) for each in probabilities]
    assert of_outcomes(outcomes(), "auroc", scores, lambda: None) is None
    found = of_outcomes(outcomes(), "auroc", scores, lambda: probabilities)
    assert found is not None
    assert found.scores == pytest.approx(scores)


def test_numbers_contribute_to_a_metric_of_numbers() -> None:
    labels = RANDOM.normal(size=80)
    predictions = labels + RANDOM.normal(0, 0.5, (5, 80))
    found = PredictedNumbers(np.arange(80), labels, np.ones(5, dtype=bool), True, predictions)
    scores = [score("rmse", labels, answer) for answer in predictions]
    made = of_outcomes(found, "rmse", scores, lambda: None)
    assert made is not None
    assert made.scores == pytest.approx(scores)


def test_the_units_of_means_are_the_examples() -> None:
    found = of_means(CORRECT)
    assert found.without()[2, 5] == pytest.approx(np.delete(CORRECT[2], 5).mean())
