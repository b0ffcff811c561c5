"""What must hold of every optimizer, a function a check."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from stabbench.models.architecture import Architecture
from stabbench.recipe import SCHEDULES, Recipe
from stabbench.testing import tiny
from stabbench.testing.suite import Check, expect
from stabbench.testing.trial import Trial, elsewhere, expect_equal, killed_and_resumed, model
from stabbench.training.by_rule import ByRule, contexts_of
from stabbench.training.inputs import TrainingInputs
from stabbench.training.loop import train
from stabbench.training.optimizers import Chosen
from stabbench.training.optimizers.contract import Optimizer
from stabbench.training.outcome import RunResult

MATRIX, BIAS, TABLE = (
    "bert.encoder.layer.0.intermediate.dense.weight",
    "bert.encoder.layer.0.intermediate.dense.bias",
    "bert.embeddings.word_embeddings.weight",
)
SHAPES: Mapping[str, tuple[int, ...]] = {MATRIX: (5, 3), BIAS: (5,), TABLE: (7, 4)}
UPDATES, ROUNDING = 12, 1e-12
NAME = "checked"
"""What recipes call the optimizer: any name but adamw."""
ADAM: Mapping[str, Any] = {
    "adam_beta1": 0.5, "adam_beta2": 0.7, "adam_epsilon": 0.1, "adam_formula": "torch", "bias_correction": False,
}  # fmt: skip
Tensors = dict[str, Tensor]


def drawn(runs: int, dtype: torch.dtype = torch.float64, updates: int = UPDATES) -> list[Tensors]:
    """Weights, and then gradients of which some are small and some are large, `[S, …]`; the first run's come first."""
    found = []
    for update in range(updates + 1):
        each = []
        for run in range(runs):
            generator = torch.Generator().manual_seed(100 * run + update)
            size = 0.1 if update == 0 else 10.0 ** (update % 4 - 2)
            draw = {
                name: torch.randn(shape, generator=generator, dtype=torch.float64) for name, shape in SHAPES.items()
            }
            each.append({name: tensor * size for name, tensor in draw.items()})
        found.append({name: torch.stack([one[name] for one in each]).to(dtype) for name in SHAPES})
    return found


def decays(name: str) -> bool:
    """As recipes have it: all but biases, of what is drawn here."""
    return not name.endswith(".bias")


@dataclass(frozen=True)
class OptimizerTrial:
    """An optimizer with its options, on a few tensors and in trainings of a tiny BERT; `recipe` goes over theirs."""

    optimizer: type[Optimizer]
    options: Any
    recipe: Mapping[str, Any] = field(default_factory=dict)
    _number: itertools.count[int] = field(default_factory=itertools.count)

    @property
    def chosen(self) -> Chosen:
        """A fresh object each time."""
        return Chosen(self.optimizer(), self.options)

    @cached_property
    def architecture(self) -> Architecture:
        """That of the tiny model."""
        return tiny.architecture(model("bert"))

    def values(self, **recipe: Any) -> Recipe:
        """The recipe of the trial with these fields."""
        return Recipe(**{"optimizer": NAME, **self.recipe, **recipe})

    def at_work(self, weights: Tensors, chosen: Chosen | None = None, **recipe: Any) -> ByRule:
        """As the trainer has it at work on weights."""
        return ByRule(weights, chosen or self.chosen, self.values(**recipe), self.architecture, decays)

    def updated(
        self,
        runs: int = 1,
        rate: Callable[[int], float] = lambda update: 0.03 / update,
        change: Callable[[str, Tensor], Tensor] = lambda name, slope: slope,
        **recipe: Any,
    ) -> Tensors:
        """The weights after all updates at these rates, by the gradients as `change` makes them."""
        weights, *gradients = drawn(runs)
        optimizer = self.at_work(weights, **recipe)
        for update, gradient in enumerate(gradients, start=1):
            optimizer.update({name: change(name, slope) for name, slope in gradient.items()}, update, rate(update))
        return weights

    def at_once(self, runs: int, change: Callable[[Tensor], Tensor] = lambda slope: slope) -> tuple[Tensors, Any]:
        """Weights and states after all updates, called with all runs at once, as on a GPU."""
        weights, *gradients = drawn(runs)
        chosen = self.chosen
        contexts = contexts_of(SHAPES, chosen, self.values(weight_decay=0.1), self.architecture)
        states = {name: chosen.optimizer.start(weights[name], contexts[name]) for name in SHAPES}
        for update, gradient in enumerate(gradients, start=1):
            for name in SHAPES:
                now = replace(contexts[name], count=update, rate=0.01, decay=0.1)
                chosen.optimizer.update(weights[name], change(gradient[name]), states[name], now)
        return weights, states

    def inputs(self, **recipe: Any) -> TrainingInputs:
        """A training of 8 updates."""
        made = Trial(()).inputs("bert", **{"optimizer": NAME, "weight_decay": 0.1, **self.recipe, **recipe})
        return dataclasses.replace(made, own_optimizer=self.chosen)

    def results(self, *seeds: int, precision: str = "fp64", **how: Any) -> list[RunResult]:
        """One run for each seed, with the global generators at another place each time."""
        with elsewhere(next(self._number)):
            return train(self.inputs(precision=precision), tiny.seeds(*seeds), checkpoint_seconds=0.0, **how)

    @cached_property
    def alone(self) -> RunResult:
        """The run of seed 2 by itself."""
        return self.results(2)[0]


def says_in_a_sentence(trial: OptimizerTrial) -> None:
    """Of every schedule; the recipe of the trial is none of what it cannot do."""
    for schedule in SCHEDULES:
        reason = trial.optimizer().refused(trial.values(schedule=schedule), trial.options)
        sentence = reason is None or (isinstance(reason, str) and reason.strip())
        expect(sentence, f"`refused` gives {reason!r} of the schedule {schedule}, expected None or a sentence")
    reason = trial.optimizer().refused(trial.values(), trial.options)
    expect(reason is None, f"it refuses the recipe of the trial (give another one as `recipe`): {reason}")


def keeps_what_start_gives(trial: OptimizerTrial) -> None:
    """Tensors `[S, …]` by name, told without values as with them, whose names and shapes no update changes."""
    weights = drawn(3)[0]
    contexts = contexts_of(SHAPES, trial.chosen, trial.values(), trial.architecture)
    _, states = trial.at_once(3)
    for name, weight in weights.items():
        started = trial.optimizer().start(weight, contexts[name])
        without = trial.optimizer().start(torch.empty(weight.shape, device="meta"), contexts[name])
        shapes = {of: tuple(kept.shape) for of, kept in started.items()}
        place = f"of {name} {tuple(weight.shape)}"
        runs = all(shape[:1] == (3,) for shape in shapes.values())
        expect(runs, f"`start` gives {shapes} {place}, expected a run axis of 3 first")
        for what, state in (("of a weight without values", without), ("and there is after the updates", states[name])):
            found = {of: tuple(kept.shape) for of, kept in state.items()}
            expect(found == shapes, f"`start` gives {shapes} {place}, {what} {found}")


def runs_stay_apart(trial: OptimizerTrial) -> None:
    """Called with all runs at once, each is what it is alone, to rounding, also beside one that is not finite."""
    alone, among = trial.at_once(1)[0], trial.at_once(3)[0]
    beside, _ = trial.at_once(3, lambda slope: torch.cat((slope[:1], slope[1:] * math.nan)))
    for name, weight in alone.items():
        for what, other in (("two others", among[name][:1]), ("two that are not finite", beside[name][:1])):
            apart = float((weight - other).abs().max())
            expect(apart < ROUNDING, f"{name} of a run alone and beside {what} differs by {apart:.1e}")


def keeps_nothing_itself(trial: OptimizerTrial) -> None:
    """One object that updates two trainings in turn leaves in each what it leaves by itself."""
    weights, *gradients = drawn(1)
    others, *slopes = drawn(1)
    shared = trial.chosen
    first, second = trial.at_work(weights, shared), trial.at_work(others, shared)
    for update, (gradient, slope) in enumerate(zip(gradients, slopes, strict=True), start=1):
        first.update(gradient, update, 0.03 / update)
        second.update({name: -each for name, each in slope.items()}, update, 0.5)
    _expect_same(weights, trial.updated(), "updated in turn with another training and by itself")


def goes_by_the_rate(trial: OptimizerTrial) -> None:
    """By the context's: at 0 no weight changes, and the recipe's own learning rate and warm-up decide nothing."""
    start = drawn(1)[0]
    _expect_same(start, trial.updated(rate=lambda update: 0.0), "before and after updates at a rate of 0")
    usual = trial.updated()
    _expect_same(usual, trial.updated(learning_rate=0.7), "with another learning_rate in the recipe at the same rates")
    for name, weight in trial.updated(rate=lambda update: 0.01 / update).items():
        expect(not torch.equal(weight, usual[name]), f"{name} is the same to the last bit at a third of the rate")


def decays_as_told(trial: OptimizerTrial) -> None:
    """What has a decay shrinks by it, and what has none, such as a bias, does not know of it."""
    some, none = trial.updated(weight_decay=0.5), trial.updated(weight_decay=0.0)
    expect(
        torch.equal(some[BIAS], none[BIAS]),
        f"{BIAS}, which has no decay (`ctx.decay`), is another one with weight_decay 0.5 in the recipe",
    )
    same = torch.equal(some[MATRIX], none[MATRIX])
    expect(not same, f"{MATRIX} is the same with weight_decay 0.5 as with 0: `ctx.decay` is left out")


def rows_are_apart_where_said(trial: OptimizerTrial) -> None:
    """A row without a gradient is multiplied by 1 − rate · decay and changes no other; asked where it is said."""
    if not trial.optimizer.rows_are_apart:
        return
    start = drawn(1)[0][TABLE]

    def without(name: str, slope: Tensor) -> Tensor:
        return torch.cat((slope[:, :4], torch.zeros_like(slope[:, 4:])), dim=1) if name == TABLE else slope

    whole = trial.updated(rate=lambda update: 0.01, change=without, weight_decay=0.1)[TABLE]
    plainly = start[:, 4:] * (1 - 0.001) ** UPDATES
    expect(
        torch.allclose(whole[:, 4:], plainly, rtol=0, atol=ROUNDING),
        "`rows_are_apart`, but rows without a gradient are not multiplied by 1 − rate · decay at each update",
    )
    small, *gradients = drawn(1)
    cut = {TABLE: small[TABLE][:, :4].clone()}
    optimizer = trial.at_work(cut, weight_decay=0.1)
    for update, gradient in enumerate(gradients, start=1):
        optimizer.update({TABLE: gradient[TABLE][:, :4].contiguous()}, update, 0.01)
    apart = torch.allclose(whole[:, :4], cut[TABLE], rtol=0, atol=ROUNDING)
    expect(apart, "`rows_are_apart`, but rows that have no gradient change others")


def reads_adams_fields_or_says_not(trial: OptimizerTrial) -> None:
    """Other values of Adam's fields change what it does where it says so, and nothing else."""
    same = all(
        torch.equal(weight, other)
        for weight, other in zip(trial.updated().values(), trial.updated(**ADAM).values(), strict=True)
    )
    if trial.optimizer.reads_adam_fields:
        expect(not same, f"`reads_adam_fields`, but it is the same to the last bit with {dict(ADAM)}")
    else:
        expect(same, f"with {dict(ADAM)} in the recipe it is another one, but `reads_adam_fields` is false")


def scores_purely(trial: OptimizerTrial) -> None:
    """`scored` gives a tensor like the weight, the same each time, and changes neither weight nor state."""
    weights, *gradients = drawn(1)
    optimizer = trial.at_work(weights)
    for update, gradient in enumerate(gradients, start=1):
        optimizer.update(gradient, update, 0.03 / update)
        if update % 3 == 0:
            first = {name: tensor.clone() for name, tensor in optimizer.scored(weights).items()}
            shapes = {name: tuple(tensor.shape) for name, tensor in first.items()}
            expected = {name: tuple(tensor.shape) for name, tensor in weights.items()}
            expect(shapes == expected, f"`scored` gives {shapes}, expected {expected}")
            _expect_same(first, dict(optimizer.scored(weights)), "scored twice")
    _expect_same(weights, trial.updated(), "with and without being scored in between")


def trains_in_every_precision(trial: OptimizerTrial) -> None:
    """Its state is of the weights' type, and losses and weights stay finite."""
    for precision in ("fp32", "bf16", "fp64"):
        (run,) = trial.results(2, precision=precision)
        loss = run.data["train_loss"]["final"]
        expect(loss is not None and math.isfinite(loss), f"in {precision} the training loss is {loss}")
        finite = all(bool(torch.isfinite(weight).all()) for weight in run.weights.values())
        expect(finite, f"in {precision} a weight is not finite")


def same_seeds_same_digest(trial: OptimizerTrial) -> None:
    """Trained again, a run comes out the same to the last bit, wherever the global generators are."""
    expect_equal(trial.alone, trial.results(2)[0], "trained again")


def resumes_bit_for_bit(trial: OptimizerTrial) -> None:
    """Killed twice and gone on with, a run equals the uninterrupted one."""
    expect_equal(trial.alone, killed_and_resumed(partial(trial.results, 2)), "uninterrupted and resumed")


def _expect_same(one: Tensors, other: Tensors, what: str) -> None:
    for name, weight in one.items():
        expect(torch.equal(weight, other[name]), f"{what}, {name} differs by {(weight - other[name]).abs().max():.1e}")


SENTENCE = Check("what it cannot do it says in a sentence", says_in_a_sentence)
STATE = Check("what it keeps is what start gives", keeps_what_start_gives, (SENTENCE,))
APART = Check("runs stay apart", runs_stay_apart, (STATE,))
NOTHING = Check("it keeps nothing itself", keeps_nothing_itself, (STATE,))
RATE = Check("it goes by the rate that it is told", goes_by_the_rate, (NOTHING,))
DECAY = Check("it decays what it is told to", decays_as_told, (NOTHING,))
ROWS = Check("rows are apart where it says so", rows_are_apart_where_said, (RATE, DECAY))
FIELDS = Check("it goes by Adam's fields or says not to", reads_adams_fields_or_says_not, (NOTHING,))
SCORED = Check("what is scored is a pure function", scores_purely, (NOTHING,))
PRECISIONS = Check("it trains in every precision", trains_in_every_precision, (STATE,))
SAME = Check("the same seeds give the same digest", same_seeds_same_digest, (NOTHING,))
RESUMES = Check("killed and resumed equals uninterrupted", resumes_bit_for_bit, (SAME,))
OPTIMIZER_CHECKS = (
    SENTENCE, STATE, APART, NOTHING, RATE, DECAY, ROWS, FIELDS, SCORED, PRECISIONS, SAME, RESUMES,
)  # fmt: skip
