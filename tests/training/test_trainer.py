"""Whoever trains hands over what was measured; what that means is judged in one place."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np
import pytest
import torch

from stabbench.errors import UserError
from stabbench.models.families.huggingface.reading import read as huggingface_architecture
from stabbench.recipe import Recipe
from stabbench.training import trainers
from stabbench.training.contract import Trainer
from stabbench.training.inputs import Seeds, TrainingInputs
from stabbench.training.loop import Training, train
from stabbench.training.measured import Evaluated, Measured
from stabbench.training.outcome import result
from stabbench.training.precision import matrix_products
from tests import tiny

NATIVE = trainers.find()
INPUTS = tiny.inputs(epochs=1.0)
"""6 updates over 48 examples of dev."""


def measured(**changes: Any) -> Measured:
    """A run of six updates that went well."""
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(len(INPUTS.dev), 2))
    run = Measured(
        losses=np.linspace(0.7, 0.2, 6),
        norms=np.ones(6),
        clipped_norms=np.ones(6),
        gradient_norm_steps=[0, 4],
        gradient_norms=np.arange(6.0).reshape(2, 3),
        tensors=["a", "b", "c"],
        evaluations=[
            Evaluated(3, 0.5, {"mcc": 0.4, "accuracy": 0.7}),
            Evaluated(6, 0.4, {"mcc": 0.3, "accuracy": 0.6}),
        ],
        dev_logits=logits,
        train_loss=0.1,
        tokens=[10, 20, 30, 40, 50, 60],
        passes=[1] * 6,
        parameter_groups=[{"learning_rate": 1e-3, "tensors": ["a", "b", "c"]}],
        weights={"a": torch.ones(1)},
        seconds={"training": 1.0},
    )
    return dataclasses.replace(run, **changes)


def test_a_run_is_judged_by_its_measurements_alone() -> None:
    run = measured()
    assert run.dev_logits is not None
    found = result(INPUTS.basis, run)
    assert found.data["status"] == "ok"
    assert found.data["final"] == {"step": 6, "epoch": 1.0, "dev_loss": 0.4, "scores": {"mcc": 0.3, "accuracy": 0.6}}
    assert found.data["best"]["step"] == 3
    assert found.data["cost"]["tokens"] == 210
    assert found.data["train_loss"]["last_epoch"] == pytest.approx(0.45)
    assert found.tables["gradnorms.parquet"]["norm"].tolist() == [0, 1, 2, 3, 4, 5]
    assert found.tables["gradnorms.parquet"]["step"].tolist() == [0, 0, 0, 4, 4, 4]
    assert found.tables["predictions.parquet"]["prediction"].tolist() == run.dev_logits.argmax(axis=1).tolist()
    assert found.weights is run.weights


@pytest.mark.parametrize(
    ("changes", "at"),
    [
        ({"losses": np.array([0.7, 0.6, 0.5, np.nan, 0.4, 0.3])}, 4),
        ({"norms": np.array([1, 1, np.inf, 1, 1, 1])}, 3),
        ({"evaluations": [Evaluated(3, 0.5, {"mcc": 0.4, "accuracy": 0.7}), Evaluated(6, None, {})]}, 6),
    ],
    ids=["loss", "norm", "dev loss"],
)
def test_a_number_that_is_not_finite_is_a_divergence(changes: dict[str, Any], at: int) -> None:
    data = result(INPUTS.basis, measured(**changes)).data
    assert (data["status"], data["diverged_at"]) == ("diverged", at)
    assert data["final"]["scores"] == INPUTS.trivial.scores
    assert data["cost"]["tokens"] == sum([10, 20, 30, 40, 50, 60][:at])


def test_scores_at_the_baseline_are_a_failure() -> None:
    last = Evaluated(6, 0.4, {"mcc": 0.0, "accuracy": 0.6})
    assert result(INPUTS.basis, measured(evaluations=[last])).data["status"] == "failed"


class Replaying(Trainer):
    """A trainer that measures nothing itself."""

    name, version = "replaying", "1"

    def unsupported(self, recipe: Recipe, device: torch.device) -> str | None:
        return "it replays plain updates only" if recipe.bias_correction else None

    def room(self, inputs: TrainingInputs, seeds: Seeds, free: int | None) -> int:
        return 1

    def train(self, inputs: TrainingInputs, seeds: Seeds, **how: Any) -> list[Measured]:
        return [measured(train_loss=float(seed["head"])) for seed in seeds]


def test_any_trainer_can_be_the_one_and_a_recipe_that_it_cannot_do_is_refused_in_its_words() -> None:
    trainer: Trainer = Replaying()
    inputs = dataclasses.replace(INPUTS, recipe=dataclasses.replace(INPUTS.recipe, bias_correction=False))
    results = train(inputs, tiny.seeds(4, 5), trainer=trainer)
    assert [run.data["train_loss"]["final"] for run in results] == [4.0, 5.0]
    refused = dataclasses.replace(inputs, recipe=dataclasses.replace(inputs.recipe, bias_correction=True))
    with pytest.raises(UserError, match="it replays plain updates only"):
        train(refused, tiny.seeds(4), trainer=trainer)


def test_ours_has_room_for_what_fits_and_for_one_run_of_a_model_that_is_computed_alone() -> None:
    seeds, gigabyte = tiny.seeds(1, 2, 3), 1 << 30
    assert NATIVE.room(INPUTS, seeds, None) == 3
    assert NATIVE.room(INPUTS, seeds, gigabyte) == 1
    assert NATIVE.room(INPUTS, seeds, 100 * gigabyte) > 3
    by_transformers = huggingface_architecture(tiny.hugging_face_model("mpnet").config.to_dict(), 2)
    alone = dataclasses.replace(INPUTS, architecture=by_transformers)
    assert NATIVE.room(alone, seeds, None) == NATIVE.room(alone, seeds, 100 * gigabyte) == 1


def test_ours_says_which_precision_a_device_lacks() -> None:
    tf32, fp32 = (dataclasses.replace(INPUTS.recipe, precision=precision) for precision in ("tf32", "fp32"))
    assert "expected a CUDA device" in str(NATIVE.unsupported(tf32, torch.device("cpu")))
    assert NATIVE.unsupported(fp32, torch.device("cpu")) is None
    assert NATIVE.unsupported(tf32, torch.device("cuda")) is None


def test_seconds_of_an_evaluation_that_the_end_asks_for_are_counted_once() -> None:
    given = dataclasses.replace(tiny.inputs(examples=8, total_steps=2, epochs=1.0), dev=tiny.texts(4000, seed=2))
    with matrix_products(given.recipe.precision):
        training = Training(given, tiny.seeds(1), torch.device("cpu"))
        state = training.start()
        while state.step < training.parts.schedule.total_steps:
            training.update(state)
        before, began = sum(training.seconds.values()), time.perf_counter()
        training.finish(state)
        elapsed = time.perf_counter() - began
    counted = sum(training.seconds.values()) - before
    assert 0.7 * elapsed < counted <= elapsed
