"""What must hold of every trainer, a function a check."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stabbench.models import families
from stabbench.models.batch import TokenizedTexts, make_batch
from stabbench.recipe import BEST, PRECISIONS
from stabbench.strategies.contract import BoundModel, Context, NoOptions, Strategy, Weights
from stabbench.testing import tiny
from stabbench.testing.suite import Check, expect
from stabbench.testing.trial import Members, Trial, elsewhere, expect_equal, first_difference, killed_and_resumed
from stabbench.training.contract import Trainer
from stabbench.training.inputs import TrainingInputs
from stabbench.training.loop import train
from stabbench.training.measured import Evaluated, Measured
from stabbench.training.outcome import RunResult
from stabbench.training.schedule import Schedule
from stabbench.training.selection import choice

CPU, BEYOND_NUMBERS = torch.device("cpu"), 1e300
TOLERANCE = 1e-8
"""Rounding in fp64, between other orders of the same sums."""
GROUP = ["epsilon", "learning_rate", "parameters", "tensors", "weight_decay"]
OTHERWISE: Mapping[str, Any] = {
    "learning_rate": 2e-4, "warmup_ratio": 0.5, "bias_correction": False, "adam_beta1": 0.5, "adam_beta2": 0.9,
    "adam_beta2_batch_size": 64, "adam_epsilon": 1e-3, "adam_formula": "torch", "weight_decay": 0.5,
    "max_grad_norm": 0.01, "dropout": 0.0, "batch_size": 7, "legacy_segments": True, "schedule": "constant",
    "optimizer": "sgd",
}  # fmt: skip
"""Another value of each field that a trainer acts on."""


class Flat(Strategy):
    """A loss that is 0 whatever the weights are."""

    def loss(self, model: BoundModel, weights: Weights, batch: Any, ctx: Context) -> Tensor:
        """`(S,)`, with gradients that are 0, too."""
        return 0 * ctx.objective.loss(model(batch), batch.labels)


@dataclass(frozen=True)
class TrainerTrial:
    """A trainer and its trainings of a tiny BERT, 8 updates each; `recipe` goes over that of the trial."""

    trainer: type[Trainer]
    recipe: Mapping[str, Any] = field(default_factory=dict)
    _number: itertools.count[int] = field(default_factory=itertools.count)

    def inputs(self, members: Members = (), **recipe: Any) -> TrainingInputs:
        """What it is given; `recipe` goes over its own."""
        return Trial(members).inputs("bert", **{**self.recipe, **recipe})

    def measured(self, inputs: TrainingInputs, *seeds: int, **how: Any) -> list[Measured]:
        """By a fresh object, with the global generators at another place each time."""
        with elsewhere(next(self._number)):
            return self.trainer().train(inputs, tiny.seeds(*seeds), device=CPU, **how)

    def results(self, inputs: TrainingInputs, *seeds: int, **how: Any) -> list[RunResult]:
        """The same, judged."""
        with elsewhere(next(self._number)):
            return train(inputs, tiny.seeds(*seeds), trainer=self.trainer(), checkpoint_seconds=0.0, **how)

    @cached_property
    def alone(self) -> RunResult:
        """The run of seed 2 by itself."""
        return self.results(self.inputs(), 2)[0]


def says_in_a_sentence(trial: TrainerTrial) -> None:
    """Of every precision and device; the recipe of the trial is none of what it cannot do."""
    for precision in PRECISIONS:
        recipe = trial.inputs(precision=precision).recipe
        for device in ("cpu", "cuda"):
            reason = trial.trainer().unsupported(recipe, torch.device(device))
            sentence = reason is None or (isinstance(reason, str) and reason.strip())
            expect(sentence, f"`unsupported` gives {reason!r} of {precision} on {device}, expected None or a sentence")
    reason = trial.trainer().unsupported(trial.inputs().recipe, CPU)
    expect(reason is None, f"it cannot do the recipe of the trial: {reason}")


def has_room_for_one(trial: TrainerTrial) -> None:
    """However little memory is free, and no less where more is."""
    inputs, seeds = trial.inputs(), tiny.seeds(1, 2, 3)
    rooms = [trial.trainer().room(inputs, seeds, free) for free in (0, 1 << 20, 1 << 40, None)]
    good = all(isinstance(room, int) and room >= 1 for room in rooms) and rooms[:3] == sorted(rooms[:3])
    expect(good, f"`room` gives {rooms} for 0 bytes, a mebibyte, a tebibyte and no limit")


def measures_everything(trial: TrainerTrial) -> None:
    """One number an update, a norm of every tensor where measured, evaluations when they are due, and the weights."""
    inputs = trial.inputs(gradient_norm_every=3)
    (run,), schedule = trial.measured(inputs, 2), Schedule.of(inputs.recipe, len(inputs.train))
    updates, shapes = schedule.total_steps, inputs.architecture.shapes()
    due = schedule.evaluations()
    measured = list(range(0, updates, 3))
    grouped = sorted(name for group in run.parameter_groups for name in group["tensors"])
    for what, found, expected in (
        *((name, np.shape(getattr(run, name)), (updates,)) for name in ("losses", "norms", "clipped_norms")),
        *((name, len(getattr(run, name)), updates) for name in ("tokens", "passes")),
        ("gradient_norm_steps", list(run.gradient_norm_steps), measured),
        ("gradient_norms", np.shape(run.gradient_norms), (len(measured), len(shapes))),
        ("tensors", sorted(run.tensors), sorted(shapes)),
        ("the steps of evaluations", [done.step for done in run.evaluations], due),
        ("the metrics of evaluations", {name for done in run.evaluations for name in done.scores}, set(inputs.metrics)),
        ("dev_logits", np.shape(_known(run.dev_logits)), (len(inputs.dev), inputs.architecture.labels)),
        ("the shapes of weights", {name: tuple(tensor.shape) for name, tensor in run.weights.items()}, shapes),
        ("the tensors of parameter_groups", grouped, sorted(shapes)),
        *(("the keys of parameter_groups", sorted(group), GROUP) for group in run.parameter_groups),
    ):
        expect(found == expected, f"{what}: found {found}, expected {expected}")


def scores_follow_from_weights(trial: TrainerTrial) -> None:
    """The last evaluation is of the logits, and these and the training loss are of the weights that it hands over."""
    inputs = trial.inputs()
    (run,) = trial.measured(inputs, 2)
    expect_scores_of_weights(inputs, run, run.evaluations[-1])


def expect_scores_of_weights(inputs: TrainingInputs, run: Measured, last: Evaluated) -> None:
    """ContractError where an evaluation, which it reports, is not of its logits, or these not of its weights."""
    labels = inputs.dev.labels
    scores = {
        name: inputs.objective.score(each, labels, _known(run.dev_logits)) for name, each in inputs.scorers.items()
    }
    expect(dict(last.scores) == scores, f"its last scores are {dict(last.scores)}, those of its logits are {scores}")
    logits = _logits(inputs, run, inputs.dev)
    apart = float(np.abs(logits.numpy() - _known(run.dev_logits)).max())
    expect(apart < TOLERANCE, f"its logits and those of its weights differ by up to {apart:.1e}")
    for what, found, values, texts in (
        ("last dev loss", last.loss, logits, inputs.dev),
        ("training loss", run.train_loss, _logits(inputs, run, inputs.train), inputs.train),
    ):
        expected = float(inputs.objective.losses(values[None], torch.from_numpy(texts.labels)[None]).mean())
        close = found is not None and abs(found - expected) < TOLERANCE
        expect(close, f"its {what} is {found}, that of its weights is {expected}")


def _known(numbers: np.ndarray | None) -> np.ndarray:
    """What a trainer that is checked measures in every run."""
    return np.empty(()) if numbers is None else numbers


def _logits(inputs: TrainingInputs, run: Measured, texts: TokenizedTexts) -> Tensor:
    batch = make_batch(texts, [np.arange(len(texts))], torch.float64, CPU, segments=not inputs.recipe.legacy_segments)
    weights = {name: torch.as_tensor(tensor).unsqueeze(0) for name, tensor in run.weights.items()}
    with torch.no_grad():
        return families.encoder_of(inputs.architecture).classify(weights, batch)[0]


def reports_what_the_recipe_says(trial: TrainerTrial) -> None:
    """The best evaluation, the earliest of ties, and no update after the patience is over; of what selects none of it.

    What it hands over is of the weights at that evaluation.
    """
    if not trial.trainer.selects_checkpoints:
        return
    inputs = trial.inputs(evaluations_per_epoch=4.0, checkpoint_selection=BEST, early_stopping_patience=2)
    (run,), headline = trial.measured(inputs, 2), inputs.metrics[0]
    lower = inputs.scorers[headline].kind.lower
    scores = [(done.step, done.scores.get(headline)) for done in run.evaluations]
    wanted = choice(inputs.recipe, scores, lower=lower)
    expect(
        (run.reported, run.ended) == (wanted.reported, wanted.ended),
        f"with the scores {scores} it reports step {run.reported} and ended early at {run.ended}, expected "
        f"{wanted.reported} and {wanted.ended}",
    )
    expect(len(run.losses) == scores[-1][0], f"it has made {len(run.losses)} updates, and scored {scores[-1][0]}")
    (reported,) = [done for done in run.evaluations if done.step == run.reported]
    expect_scores_of_weights(inputs, run, reported)


def same_seeds_same_digest(trial: TrainerTrial) -> None:
    """Trained again, a run comes out the same to the last bit, wherever the global generators are."""
    (again,) = trial.results(trial.inputs(), 2)
    expect_equal(trial.alone, again, "trained again")
    digests = {run.data["result_digest"] for run in (trial.alone, again)}
    expect(len(digests) == 1, f"trained again, the digest is another: {' and '.join(sorted(digests))}")


def a_run_for_each_seed(trial: TrainerTrial) -> None:
    """In the order of the seeds, each equal to the run alone up to rounding in fp64."""
    runs = trial.results(trial.inputs(), 3, 2, 1)
    expect(len(runs) == 3, f"of 3 seeds it has trained {len(runs)} runs")
    expect_equal(trial.alone, runs[1], "alone and as the second of three runs", TOLERANCE)
    expect_equal(trial.results(trial.inputs(), 3)[0], runs[0], "alone and as the first of three runs", TOLERANCE)


def tells_of_every_update(trial: TrainerTrial) -> None:
    """`progress` up to the last one, and `stop`, which may end the training."""
    told: list[tuple[int, int]] = []
    steps: list[int] = []
    how = {"progress": lambda *now: told.append(now), "stop": lambda state: steps.append(state.step)}
    trial.measured(trial.inputs(), 2, **how)
    total = int(trial.alone.data["total_steps"])
    everything = list(range(1, total + 1))
    expect(
        told == [(step, total) for step in everything], f"`progress` is told {told}, expected each of {total} updates"
    )
    expect(steps == everything, f"`stop` is asked after the updates {steps}, expected each of {total}")


def resumes_bit_for_bit(trial: TrainerTrial) -> None:
    """Killed twice and gone on with by a fresh object, a run equals the uninterrupted one."""
    resumed = killed_and_resumed(partial(trial.results, trial.inputs(), 2))
    expect_equal(trial.alone, resumed, "uninterrupted and resumed")


def recipe_acts_or_is_refused(trial: TrainerTrial) -> None:
    """Another value of a field changes the run, or `unsupported` says that it cannot do it."""
    for name, value in OTHERWISE.items():
        inputs = trial.inputs(**{name: value})
        if inputs.recipe == trial.inputs().recipe or trial.trainer().unsupported(inputs.recipe, CPU) is not None:
            continue
        same = first_difference(trial.alone, trial.results(inputs, 2)[0]) is None
        expect(not same, f"with {name} {value} the run is the same to the last bit, and `unsupported` says nothing")
    for precision in PRECISIONS:
        inputs = trial.inputs(precision=precision)
        if trial.trainer().unsupported(inputs.recipe, CPU) is None:
            loss = trial.results(inputs, 2)[0].data["train_loss"]["final"]
            expect(loss is not None and math.isfinite(loss), f"in {precision} the training loss is {loss}")


def strategies_act(trial: TrainerTrial) -> None:
    """A loss without a gradient leaves none; of a trainer that says that it calls no hooks nothing is asked."""
    if not trial.trainer.calls_hooks:
        return
    (run,) = trial.measured(trial.inputs([(Flat, NoOptions())]), 2)
    largest = float(np.abs(_known(run.norms)).max())
    expect(
        largest == 0, f"under a strategy whose loss is 0 the gradient's norm is {largest:.3g}: its hooks are not called"
    )


def divergence_is_seen(trial: TrainerTrial) -> None:
    """Numbers that are not finite are handed over as such, so that the run is judged to have diverged."""
    (run,) = trial.results(trial.inputs(learning_rate=BEYOND_NUMBERS), 2)
    status = run.data["status"]
    expect(status == "diverged", f"with a learning rate of {BEYOND_NUMBERS:g} the run is judged '{status}'")


SENTENCE = Check("what it cannot do it says in a sentence", says_in_a_sentence)
ROOM = Check("there is room for a run", has_room_for_one, (SENTENCE,))
COMPLETE = Check("what it measures is complete", measures_everything, (SENTENCE,))
SCORES = Check("its scores follow from its weights", scores_follow_from_weights, (COMPLETE,))
REPORTS = Check("it reports what the recipe says", reports_what_the_recipe_says, (SCORES,))
SAME = Check("the same seeds give the same digest", same_seeds_same_digest, (COMPLETE,))
SEEDS = Check("each seed has its run in their order", a_run_for_each_seed, (SAME,))
TELLS = Check("it tells of every update", tells_of_every_update, (SAME,))
RESUMES = Check("killed and resumed equals uninterrupted", resumes_bit_for_bit, (TELLS,))
RECIPE = Check("a recipe acts or is refused", recipe_acts_or_is_refused, (SAME,))
HOOKS = Check("strategies act", strategies_act, (COMPLETE,))
DIVERGED = Check("a divergence is seen", divergence_is_seen, (COMPLETE,))
TRAINER_CHECKS = (SENTENCE, ROOM, COMPLETE, SCORES, REPORTS, SAME, SEEDS, TELLS, RESUMES, RECIPE, HOOKS, DIVERGED)
