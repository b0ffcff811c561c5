"""Each check catches the trainer that breaks it, and no other does; the package's own holds them all."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from stabbench.recipe import Recipe
from stabbench.testing import TRAINER_CHECKS, Suite, TrainerContract, TrainerTrial
from stabbench.training.inputs import Seeds, TrainingInputs
from stabbench.training.loop import Native
from stabbench.training.measured import Measured

LABEL = "trainer 'mine' (mine:Mine of my-plugin 1.0)"


class SaysNo(Native):
    def unsupported(self, recipe: Recipe, device: torch.device) -> str | None:
        return super().unsupported(recipe, device) and ""


class HasNoRoom(Native):
    def room(self, inputs: TrainingInputs, seeds: Seeds, free: int | None) -> int:
        return 3 if free is None else free >> 30


class Changed(Native):
    """Trains as ours does, from other inputs, and hands over something else."""

    def train(self, inputs: TrainingInputs, seeds: Seeds, **how: Any) -> list[Measured]:
        return [self.measured(run) for run in super().train(self.inputs(inputs, **how), seeds, **how)]

    def inputs(self, inputs: TrainingInputs, **how: Any) -> TrainingInputs:
        return inputs

    def measured(self, run: Measured) -> Measured:
        return run


def with_recipe(inputs: TrainingInputs, **fields: Any) -> TrainingInputs:
    return dataclasses.replace(inputs, recipe=dataclasses.replace(inputs.recipe, **fields))


class LosesTheFirstLoss(Changed):
    def measured(self, run: Measured) -> Measured:
        return dataclasses.replace(run, losses=run.losses[1:])


class KeepsOtherWeights(Changed):
    def measured(self, run: Measured) -> Measured:
        return dataclasses.replace(run, weights={name: 1.01 * tensor for name, tensor in run.weights.items()})


class ReportsItsLastWeights(Changed):
    def inputs(self, inputs: TrainingInputs, **how: Any) -> TrainingInputs:
        return with_recipe(inputs, checkpoint_selection="last")


class DrawsFromTorch(Changed):
    def inputs(self, inputs: TrainingInputs, **how: Any) -> TrainingInputs:
        return with_recipe(inputs, learning_rate=inputs.recipe.learning_rate * (1 + float(torch.rand(()))))


class TurnsTheOrderRound(Native):
    def train(self, inputs: TrainingInputs, seeds: Seeds, **how: Any) -> list[Measured]:
        return super().train(inputs, seeds, **how)[::-1]


class KeepsItsProgressToItself(Native):
    def train(self, inputs: TrainingInputs, seeds: Seeds, *, progress: Any = None, **how: Any) -> list[Measured]:
        return super().train(inputs, seeds, **how)


class GoesOnFaster(Changed):
    def inputs(self, inputs: TrainingInputs, **how: Any) -> TrainingInputs:
        resumed = how.get("checkpoint") and any(how["checkpoint"].iterdir())
        return with_recipe(inputs, learning_rate=2 * inputs.recipe.learning_rate) if resumed else inputs


class AlwaysCorrectsItsBias(Changed):
    def inputs(self, inputs: TrainingInputs, **how: Any) -> TrainingInputs:
        return with_recipe(inputs, bias_correction=True)


class FailsInSinglePrecision(Changed):
    def inputs(self, inputs: TrainingInputs, **how: Any) -> TrainingInputs:
        if inputs.recipe.precision == "fp32":
            raise ValueError("float64 expected")
        return inputs


class KnowsNoStrategy(Changed):
    def inputs(self, inputs: TrainingInputs, **how: Any) -> TrainingInputs:
        return dataclasses.replace(inputs, strategies=())


class HidesWhatIsNotFinite(Changed):
    def measured(self, run: Measured) -> Measured:
        done = [dataclasses.replace(each, loss=each.loss or 9.0, scores=each.scores or {"mcc": 0.0, "accuracy": 0.5})
                for each in run.evaluations]  # fmt: skip
        numbers = {name: np.nan_to_num(getattr(run, name)) for name in ("losses", "norms", "dev_logits")}
        return dataclasses.replace(run, evaluations=done, **numbers)


BROKEN: list[tuple[type[Native], str, str]] = [
    (SaysNo, "says_in_a_sentence", "`unsupported` gives '' of tf32 on cpu, expected None or a sentence"),
    (HasNoRoom, "has_room_for_one", "`room` gives [0, 0, 1024, 3]"),
    (LosesTheFirstLoss, "measures_everything", "losses: found (7,), expected (8,)"),
    (KeepsOtherWeights, "scores_follow_from_weights", "its logits and those of its weights differ by up to"),
    (ReportsItsLastWeights, "reports_what_the_recipe_says", "it reports step "),
    (DrawsFromTorch, "same_seeds_same_digest", "trained again: the train_loss of update"),
    (TurnsTheOrderRound, "a_run_for_each_seed", "alone and as the first of three runs: the train_loss of update 1"),
    (KeepsItsProgressToItself, "tells_of_every_update", "`progress` is told [], expected each of 8 updates"),
    (GoesOnFaster, "resumes_bit_for_bit", "uninterrupted and resumed: the "),
    (AlwaysCorrectsItsBias, "recipe_acts_or_is_refused", "with bias_correction False the run is the same"),
    (FailsInSinglePrecision, "recipe_acts_or_is_refused", "raised ValueError: float64 expected"),
    (KnowsNoStrategy, "strategies_act", "under a strategy whose loss is 0 the gradient's norm is"),
    (HidesWhatIsNotFinite, "divergence_is_seen", "the run is judged 'failed'"),
]


@pytest.mark.parametrize(("trainer", "check", "message"), BROKEN, ids=lambda value: getattr(value, "__name__", ""))
def test_a_broken_trainer_is_caught_by_exactly_the_check_it_breaks(
    trainer: type[Native], check: str, message: str
) -> None:
    suite = Suite(LABEL, TrainerTrial(trainer))
    (found,) = [verdict for each in TRAINER_CHECKS if (verdict := suite.verdict(each)).holds is False]
    assert found.check.name == check, found.message
    assert found.message.startswith(f"{LABEL}: broken is that {found.check.sentence}: ")
    assert message in found.message


def test_every_check_has_a_trainer_that_breaks_it() -> None:
    assert {check for _, check, _ in BROKEN} == {check.name for check in TRAINER_CHECKS}


class TestNative(TrainerContract):
    trainer = "native"


def test_pytest_gets_a_test_for_each_check() -> None:
    tests = [name for name in dir(TestNative) if name.startswith("test_")]
    assert len(tests) == len(TRAINER_CHECKS)
    suite = TestNative.suite()
    assert [suite.verdict(check).message for check in TRAINER_CHECKS] == [""] * len(TRAINER_CHECKS)
