"""A training whose labels are numbers: every strategy, what it is scored by, and when it failed."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from stabbench import metrics
from stabbench.models.batch import Batch
from stabbench.strategies.contract import BoundModel, Context, NoOptions, Strategy, Weights
from stabbench.strategies.registry import STRATEGIES, make_options
from stabbench.tasks import objectives
from stabbench.tasks.objectives.contract import Objective
from stabbench.training.inputs import TrainingInputs
from stabbench.training.loop import train
from tests import tiny

SCORED = ("rmse", "pearson", "mae")


def inputs(kind: str = "bert", *, scale: bool = True, examples: int = 90, **changes: Any) -> TrainingInputs:
    """A training on numbers that the texts' first piece tells, of a mean far from zero."""
    model = tiny.hugging_face_model(kind, labels=1)
    base = tiny.inputs(kind, examples=examples, **changes)
    noise = np.random.default_rng(0)
    splits = [
        dataclasses.replace(texts, labels=20.0 + 5.0 * texts.labels + noise.normal(0, 0.1, len(texts)))
        for texts in (base.train, base.dev)
    ]
    objective: Objective = objectives.find("regression").fitted(np.asarray(splits[0].labels), scale)
    scorers = {name: metrics.find(name) for name in SCORED}
    return dataclasses.replace(
        base,
        architecture=tiny.architecture(model),
        pretrained=tiny.pretrained(model),
        train=splits[0],
        dev=splits[1],
        metrics=SCORED,
        objective=objective,
        trivial=objective.trivial(np.asarray(splits[1].labels), scorers, ()),
    )


def test_a_run_that_learns_is_scored_in_the_unit_of_the_labels() -> None:
    cell = inputs(epochs=6.0)
    (result,) = train(cell, tiny.seeds(1))
    data, predictions = result.data, result.tables["predictions.parquet"]
    assert data["status"] == "ok"
    labels, predicted = predictions["label"].to_numpy(), predictions["prediction"].to_numpy()
    assert labels.tolist() == cell.dev.labels.tolist()
    assert data["final"]["scores"]["rmse"] == pytest.approx(np.sqrt(((labels - predicted) ** 2).mean()), abs=1e-12)
    assert data["final"]["scores"]["pearson"] == pytest.approx(np.corrcoef(labels, predicted)[0, 1], abs=1e-12)
    assert 19 < predicted.mean() < 26
    outputs = np.stack(predictions["logits"].to_list())
    assert outputs.shape == (48, 1)
    np.testing.assert_array_equal(cell.objective.predictions(outputs), predicted)
    history = result.tables["history.parquet"].dropna(subset="dev_rmse")
    assert data["best"]["scores"]["rmse"] == history["dev_rmse"].min() <= data["final"]["scores"]["rmse"]
    assert data["majority"]["rmse"] == pytest.approx(np.std(cell.dev.labels))
    assert data["flags"] == {"accuracy_at_most_majority": None, "collapsed": False}
    assert data["train_loss"]["label_entropy"] == pytest.approx(1.0)
    rmse_in_scale = np.sqrt(data["final"]["dev_loss"]) * np.std(cell.train.labels)
    assert data["final"]["scores"]["rmse"] == pytest.approx(rmse_in_scale, abs=1e-9)


def test_a_run_that_is_no_better_than_the_best_constant_failed() -> None:
    (idle,) = train(inputs(learning_rate=1e-12, scale=False), tiny.seeds(1))
    assert idle.data["status"] == "failed"
    assert idle.data["final"]["scores"]["rmse"] > idle.data["majority"]["rmse"]
    cell = inputs(epochs=6.0)
    (learned,) = train(cell, tiny.seeds(1))
    reached = learned.data["final"]["scores"]["rmse"]
    for bound, status in ((reached, "failed"), (np.nextafter(reached, np.inf), "ok")):
        trivial = dataclasses.replace(cell.trivial, scores={**cell.trivial.scores, "rmse": float(bound)})
        (judged,) = train(dataclasses.replace(cell, trivial=trivial), tiny.seeds(1))
        assert judged.data["status"] == status


class NotANumberAtOnce(Strategy):
    """The loss is NaN."""

    def loss(self, model: BoundModel, weights: Weights, batch: Batch, ctx: Context) -> torch.Tensor:
        return ctx.objective.loss(model(batch), batch.labels) * float("nan")


def test_a_diverged_run_counts_with_the_mean_of_the_labels() -> None:
    cell = dataclasses.replace(inputs(), strategies=((NotANumberAtOnce(), NoOptions()),))
    (result,) = train(cell, tiny.seeds(1))
    assert result.data["status"] == "diverged"
    assert result.data["final"]["scores"] == result.data["majority"] == dict(cell.trivial.scores)
    assert set(result.tables["predictions.parquet"]["prediction"]) == {float(np.mean(cell.dev.labels))}


def test_a_scaled_and_an_unscaled_run_are_two_trainings_of_one_objective() -> None:
    (scaled,), (plain,) = (train(inputs(scale=scale), tiny.seeds(1)) for scale in (True, False))
    first, second = (result.tables["history.parquet"]["train_loss"].iloc[0] for result in (scaled, plain))
    assert first < 3 < 100 < second


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
@pytest.mark.parametrize("name", STRATEGIES.names())
def test_every_strategy_trains_a_regression_or_says_why_not(name: str, kind: str) -> None:
    strategy = STRATEGIES.load(name)
    options = make_options(name, strategy, {})
    cell = inputs(kind, examples=12, batch_size=6, epochs=1.0)
    reason = strategy().unsupported(cell.architecture, options)
    if reason is not None:
        assert "task of numbers" in reason
        return
    (result,) = train(dataclasses.replace(cell, strategies=((strategy(), options),)), tiny.seeds(1))
    assert result.data["total_steps"] == 2
    assert result.data["status"] in ("ok", "failed")
    assert np.isfinite(result.tables["history.parquet"]["train_loss"]).all()
    assert np.isfinite(list(result.data["final"]["scores"].values())).all()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_labels_keep_their_precision_where_weights_have_less(precision: str) -> None:
    (result,) = train(inputs(examples=12, batch_size=6, epochs=1.0, precision=precision), tiny.seeds(1))
    labels = inputs(examples=12).dev.labels
    assert result.tables["predictions.parquet"]["label"].tolist() == labels.tolist()
    assert np.isfinite(result.data["final"]["scores"]["rmse"])


def test_two_runs_side_by_side_are_what_each_is_alone() -> None:
    cell = inputs(examples=24, epochs=1.0)
    together, (alone,) = train(cell, tiny.seeds(1, 2)), train(cell, tiny.seeds(2))
    for name in ("train_loss", "gradient_norm", "dev_loss", "dev_rmse"):
        beside, single = (run.tables["history.parquet"][name] for run in (together[1], alone))
        np.testing.assert_allclose(beside, single, rtol=0, atol=1e-12)


def test_log_loss_and_areas_are_those_of_the_softmax_of_the_outputs() -> None:
    names = ("log_loss", "auroc", "average_precision", "accuracy")
    base = tiny.inputs(examples=24, epochs=1.0)
    objective = base.objective
    trivial = objective.trivial(base.dev.labels, {name: metrics.find(name) for name in names}, ("a", "b"))
    (result,) = train(dataclasses.replace(base, metrics=names, trivial=trivial), tiny.seeds(1))
    predictions = result.tables["predictions.parquet"]
    probabilities = torch.tensor(np.stack(predictions["logits"].to_list())).softmax(dim=1).numpy()
    for name in names[:3]:
        expected = metrics.find(name).score(predictions["label"].to_numpy(), probabilities)
        assert result.data["final"]["scores"][name] == pytest.approx(expected, abs=1e-12)
    assert result.data["final"]["scores"]["log_loss"] == pytest.approx(result.data["final"]["dev_loss"], abs=1e-12)
    history = result.tables["history.parquet"]["dev_log_loss"].dropna()
    assert result.data["best"]["scores"]["log_loss"] == history.min()
