"""Each check catches the optimizer that breaks it, and no other does; the built-in ones hold them all."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from stabbench.recipe import Recipe
from stabbench.strategies.contract import NoOptions
from stabbench.testing import OPTIMIZER_CHECKS, OptimizerContract, OptimizerTrial, Suite
from stabbench.training.optimizers import OPTIMIZERS
from stabbench.training.optimizers.contract import Optimizer, State, TensorContext, zeros

LABEL = "optimizer 'mine' (mine:Mine of my-plugin 1.0)"


class Momentum(Optimizer):
    """Gradient descent with momentum and decoupled decay: keeps to the contract."""

    rows_are_apart = True

    def start(self, weight: Tensor, ctx: TensorContext) -> dict[str, Tensor]:
        return zeros(weight, "momentum")

    def update(self, weight: Tensor, gradient: Tensor, state: State, ctx: TensorContext) -> None:
        state["momentum"].mul_(0.9).add_(gradient)
        weight.mul_(1 - ctx.rate * ctx.decay).sub_(state["momentum"], alpha=ctx.rate)


class SaysNothing(Momentum):
    def refused(self, recipe: Recipe, options: Any) -> str | None:
        return "" if recipe.schedule == "cosine" else None


class KeepsOneForAllRuns(Momentum):
    def start(self, weight: Tensor, ctx: TensorContext) -> dict[str, Tensor]:
        return {"momentum": torch.zeros_like(weight[0])}

    def update(self, weight: Tensor, gradient: Tensor, state: State, ctx: TensorContext) -> None:
        weight.mul_(1 - ctx.rate * ctx.decay).sub_(gradient, alpha=ctx.rate)


class MixesRuns(Momentum):
    rows_are_apart = False

    def update(self, weight: Tensor, gradient: Tensor, state: State, ctx: TensorContext) -> None:
        super().update(weight, gradient / (1 + gradient.norm()), state, ctx)


class CountsItself(Momentum):
    def __init__(self) -> None:
        self.count = 0

    def update(self, weight: Tensor, gradient: Tensor, state: State, ctx: TensorContext) -> None:
        self.count += 1
        super().update(weight, gradient / self.count, state, ctx)


class GoesByTheRecipesRate(Momentum):
    def update(self, weight: Tensor, gradient: Tensor, state: State, ctx: TensorContext) -> None:
        super().update(weight, gradient * (1 + ctx.recipe.learning_rate), state, ctx)


class DecaysEverything(Momentum):
    rows_are_apart = False

    def update(self, weight: Tensor, gradient: Tensor, state: State, ctx: TensorContext) -> None:
        weight.mul_(1 - ctx.rate * ctx.recipe.weight_decay)
        super().update(weight, gradient, state, ctx)


class DecaysInTheGradient(Momentum):
    def update(self, weight: Tensor, gradient: Tensor, state: State, ctx: TensorContext) -> None:
        gradient = gradient.add(weight, alpha=ctx.decay)
        state["momentum"].mul_(0.9).add_(gradient)
        weight.sub_(state["momentum"], alpha=ctx.rate)


class ReadsBeta1InSecret(Momentum):
    def update(self, weight: Tensor, gradient: Tensor, state: State, ctx: TensorContext) -> None:
        super().update(weight, gradient * ctx.recipe.adam_beta1, state, ctx)


class ScoresInPlace(Momentum):
    def scored(self, weight: Tensor, state: State, ctx: TensorContext) -> Tensor:
        return weight.sub_(state["momentum"], alpha=1e-3)


class OverflowsInSinglePrecision(Momentum):
    def update(self, weight: Tensor, gradient: Tensor, state: State, ctx: TensorContext) -> None:
        super().update(weight, gradient * 1e30 * 1e30 / torch.tensor(1e60, dtype=weight.dtype), state, ctx)


class DrawsFromTorch(Momentum):
    def update(self, weight: Tensor, gradient: Tensor, state: State, ctx: TensorContext) -> None:
        noise = 1e-6 * torch.rand(()) if ctx.recipe.gradient_norm_every == 1 else 0.0  # in trainings alone
        super().update(weight, gradient * (1 + noise), state, ctx)


class ForgetsWhereItWas(Momentum):
    def __init__(self) -> None:
        self.count = 0

    def update(self, weight: Tensor, gradient: Tensor, state: State, ctx: TensorContext) -> None:
        self.count += ctx.recipe.gradient_norm_every == 1  # in trainings alone
        super().update(weight, gradient / (1 + self.count), state, ctx)


BROKEN: list[tuple[type[Optimizer], str, str]] = [
    (SaysNothing, "says_in_a_sentence", "`refused` gives '' of the schedule cosine"),
    (KeepsOneForAllRuns, "keeps_what_start_gives", "expected a run axis of 3 first"),
    (MixesRuns, "runs_stay_apart", "of a run alone and beside two others differs by"),
    (CountsItself, "keeps_nothing_itself", "updated in turn with another training and by itself"),
    (GoesByTheRecipesRate, "goes_by_the_rate", "with another learning_rate in the recipe at the same rates"),
    (DecaysEverything, "decays_as_told", "which has no decay (`ctx.decay`), is another one with weight_decay 0.5"),
    (DecaysInTheGradient, "rows_are_apart_where_said", "are not multiplied by 1 − rate · decay"),
    (ReadsBeta1InSecret, "reads_adams_fields_or_says_not", "it is another one, but `reads_adam_fields` is false"),
    (ScoresInPlace, "scores_purely", "scored twice"),
    (OverflowsInSinglePrecision, "trains_in_every_precision", "in fp32 the training loss is"),
    (DrawsFromTorch, "same_seeds_same_digest", "trained again: the train_loss of update"),
    (ForgetsWhereItWas, "resumes_bit_for_bit", "uninterrupted and resumed: the "),
]


@pytest.mark.parametrize(("optimizer", "check", "message"), BROKEN, ids=lambda value: getattr(value, "__name__", ""))
def test_a_broken_optimizer_is_caught_by_exactly_the_check_it_breaks(
    optimizer: type[Optimizer], check: str, message: str
) -> None:
    suite = Suite(LABEL, OptimizerTrial(optimizer, NoOptions()))
    (found,) = [verdict for each in OPTIMIZER_CHECKS if (verdict := suite.verdict(each)).holds is False]
    assert found.check.name == check, found.message
    assert found.message.startswith(f"{LABEL}: broken is that {found.check.sentence}: ")
    assert message in found.message


def test_every_check_has_an_optimizer_that_breaks_it() -> None:
    assert {check for _, check, _ in BROKEN} == {check.name for check in OPTIMIZER_CHECKS}


def test_one_that_keeps_to_the_contract_holds_them_all() -> None:
    suite = Suite(LABEL, OptimizerTrial(Momentum, NoOptions()))
    assert [suite.verdict(check).message for check in OPTIMIZER_CHECKS] == [""] * len(OPTIMIZER_CHECKS)


class TestAdafactor(OptimizerContract):
    optimizer = "adafactor"
    recipe: ClassVar[dict[str, Any]] = {"learning_rate": 0.01}


class TestAdam(OptimizerContract):
    optimizer = "adam"


class TestAdamW(OptimizerContract):
    """As the rule for one tensor, by which Muon updates what is no matrix."""

    optimizer = "adamw"


class TestLion(OptimizerContract):
    optimizer = "lion"


class TestMuon(OptimizerContract):
    optimizer = "muon"


class TestMuonAsPublished(OptimizerContract):
    optimizer = "muon"
    options: ClassVar[dict[str, Any]] = {"nesterov": False, "adjust": "original"}


class TestScheduleFreeAdamW(OptimizerContract):
    optimizer = "schedule-free-adamw"
    recipe: ClassVar[dict[str, Any]] = {"schedule": "constant"}


class TestSGD(OptimizerContract):
    optimizer = "sgd"


class TestSGDWithNesterovsMomentum(OptimizerContract):
    optimizer = "sgd"
    options: ClassVar[dict[str, Any]] = {"momentum": 0.8, "nesterov": True}


class TestStableAdamW(OptimizerContract):
    optimizer = "stable-adamw"


def test_all_that_are_installed_are_checked_here() -> None:
    assert {each.optimizer for each in OptimizerContract.__subclasses__()} >= {*OPTIMIZERS.names()}
