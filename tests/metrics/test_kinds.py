from __future__ import annotations

import pytest

from stabbench.metrics.kinds import lower_is_better, metric_kind


@pytest.mark.parametrize(
    "name",
    ["loss", "eval_loss", "test/perplexity", "RMSE", "mae", "dev-WER", "cer", "ece", "brier", "log_loss", "my_error"],
)
def test_of_losses_and_errors_the_lower_is_the_better(name: str) -> None:
    assert metric_kind(name).lower
    assert metric_kind(name).known
    assert lower_is_better([name, "accuracy"]) == {name}


@pytest.mark.parametrize(
    "name", ["accuracy", "eval_accuracy", "F1", "macro_f1", "mcc", "Spearmanr", "roc_auc", "r2", "bleu"]
)
def test_of_accuracies_and_correlations_the_higher_is_the_better(name: str) -> None:
    assert not metric_kind(name).lower
    assert metric_kind(name).known


def test_an_error_rate_is_a_fraction_and_a_loss_is_none() -> None:
    assert metric_kind("error_rate").fraction
    assert metric_kind("wer").highest == 2
    assert not metric_kind("eval_loss").fraction


def test_what_nobody_knows_is_said_to_be_unknown_until_somebody_says_it() -> None:
    assert not metric_kind("quality").known
    assert not metric_kind("quality").lower
    assert metric_kind("quality", higher=["quality"]).known
    cost = metric_kind("quality", lower=["quality"])
    assert (cost.lower, cost.fraction) == (True, False)
    assert not metric_kind("eval_loss", higher=["eval_loss"]).lower
