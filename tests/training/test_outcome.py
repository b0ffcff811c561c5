"""Ok, failed and diverged are told apart, and a record says what happened."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from stabbench import metrics
from stabbench.models.batch import Batch
from stabbench.strategies.contract import BoundModel, Context, NoOptions, Strategy, Weights
from stabbench.training.loop import train
from tests import tiny


class NotANumberAfterFiveUpdates(Strategy):
    """The loss of the first run of a group is NaN from the sixth update on."""

    def loss(self, model: BoundModel, weights: Weights, batch: Batch, ctx: Context) -> torch.Tensor:
        loss = ctx.objective.loss(model(batch), batch.labels)
        broken = torch.zeros_like(loss)
        broken[0] = float("nan") if ctx.step >= 5 else 0.0
        return loss + broken


def test_a_run_that_learns_is_ok_and_its_scores_are_those_of_its_predictions() -> None:
    (result,) = train(tiny.inputs(), tiny.seeds(1))
    data, predictions = result.data, result.tables["predictions.parquet"]
    assert data["status"] == "ok"
    mcc = metrics.find("mcc").score(predictions["label"], predictions["prediction"])
    assert data["final"]["scores"]["mcc"] == mcc > 0
    assert data["final"]["step"] == data["total_steps"] == 18
    assert data["best"]["scores"]["mcc"] >= data["final"]["scores"]["mcc"]
    logits = np.stack(predictions["logits"].to_list())
    assert (logits.argmax(axis=1) == predictions["prediction"]).all()


def test_a_run_at_the_majority_baseline_failed() -> None:
    (result,) = train(tiny.inputs(learning_rate=1e-12), tiny.seeds(1))
    (strict,) = train(tiny.inputs(trivial={"mcc": 1.0, "accuracy": 1.0}), tiny.seeds(1))
    assert strict.data["status"] == "failed"
    assert strict.data["flags"]["accuracy_at_most_majority"] is True
    assert result.data["flags"]["collapsed"] is True


def test_a_diverged_run_counts_with_the_majority_classifier_and_its_companion_goes_on() -> None:
    inputs = tiny.inputs(strategies=((NotANumberAfterFiveUpdates(), NoOptions()),))
    diverged, other = train(inputs, tiny.seeds(1, 2))
    assert diverged.data["status"] == "diverged"
    assert diverged.data["diverged_at"] == 6
    assert diverged.data["final"]["scores"] == {"mcc": 0.0, "accuracy": 0.5}
    assert len(diverged.tables["history.parquet"]) == 6
    assert set(diverged.tables["predictions.parquet"]["prediction"]) == {0}
    (alone,) = train(dataclasses.replace(inputs, strategies=()), tiny.seeds(2))
    assert other.data["final"]["scores"] == alone.data["final"]["scores"]


def test_a_diverged_run_is_the_same_alone_and_stops_early() -> None:
    inputs = tiny.inputs(strategies=((NotANumberAfterFiveUpdates(), NoOptions()),))
    steps: list[int] = []
    (alone,) = train(inputs, tiny.seeds(1), progress=lambda step, total: steps.append(step))
    (beside, _) = train(inputs, tiny.seeds(1, 2))
    assert steps[-1] == 6
    assert alone.data["final"] == beside.data["final"]
    assert len(alone.tables["history.parquet"]) == len(beside.tables["history.parquet"])


def test_gradient_norms_are_measured_before_clipping_every_ten_updates_from_step_zero() -> None:
    (result,) = train(tiny.inputs(max_grad_norm=0.01), tiny.seeds(1))
    norms, history = result.tables["gradnorms.parquet"], result.tables["history.parquet"]
    assert sorted(norms["step"].unique()) == [0, 10]
    assert set(norms["parameter"]) == set(tiny.inputs().architecture.shapes())
    totals = norms.assign(square=norms["norm"] ** 2).groupby("step")["square"].sum() ** 0.5
    np.testing.assert_allclose(totals, history["gradient_norm"].iloc[[0, 10]], rtol=1e-12)
    np.testing.assert_allclose(history["clipped_gradient_norm"], 0.01, rtol=1e-3)


def test_without_clipping_both_totals_agree() -> None:
    inputs = tiny.inputs(epochs=1.0)
    unclipped = dataclasses.replace(inputs, recipe=dataclasses.replace(inputs.recipe, max_grad_norm=None))
    history = train(unclipped, tiny.seeds(1))[0].tables["history.parquet"]
    assert history["gradient_norm"].equals(history["clipped_gradient_norm"])


def test_parameter_groups_hold_the_effective_values() -> None:
    (result,) = train(tiny.inputs(epochs=1.0), tiny.seeds(1))
    groups = {group["weight_decay"]: group for group in result.data["parameter_groups"]}
    assert set(groups) == {0.0, 0.01}
    assert "classifier.weight" in groups[0.01]["tensors"]
    assert "bert.embeddings.LayerNorm.weight" in groups[0.0]["tensors"]
    total = sum(math.prod(shape) for shape in tiny.inputs().architecture.shapes().values())
    assert sum(group["parameters"] for group in groups.values()) == total


def test_the_final_training_loss_is_that_of_the_final_weights_without_dropout() -> None:
    inputs = tiny.inputs(dropout=0.0, learning_rate=1e-9, batch_size=90)
    data = train(inputs, tiny.seeds(1))[0].data
    assert data["train_loss"]["final"] == pytest.approx(data["train_loss"]["last_epoch"], abs=1e-6)
    assert data["train_loss"]["label_entropy"] == pytest.approx(math.log(2))
