"""Our own trainer: the training loop of S runs of one cell, from their heads to what was measured."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stabbench.errors import UserError
from stabbench.models import families
from stabbench.models.batch import TokenizedTexts
from stabbench.models.encoder import Weights
from stabbench.recipe import Recipe
from stabbench.strategies.composition import Moment
from stabbench.training import trainers
from stabbench.training.adamw import AdamW
from stabbench.training.composed import composed
from stabbench.training.contract import Ending, Inputs, Progress, Trainer, part_of
from stabbench.training.device_step import DeviceStep, step_mode
from stabbench.training.eager_step import EagerStep
from stabbench.training.evaluation import Evaluator, evaluated, mean_losses
from stabbench.training.heap import trimmed
from stabbench.training.inputs import Seeds, TrainingInputs
from stabbench.training.measured import Evaluated, Measured
from stabbench.training.memory import needs
from stabbench.training.outcome import RunResult, result
from stabbench.training.parts import Parts, optimizer_of
from stabbench.training.precision import check_device, lacking, matrix_products
from stabbench.training.selection import CheckpointSelection
from stabbench.training.state import TrainingState


class Native(Trainer):
    """Runs side by side in one process; models that are computed one run at a time, one after the other."""

    name = "native"
    version = "1"
    calls_hooks = True
    selects_checkpoints = True
    saves_when_ending = True

    def unsupported(self, recipe: Recipe, device: torch.device) -> str | None:
        """A precision that the device does not have. Raises UserError for a STABBENCH_DEVICE_STEP that there is not."""
        step_mode(device)
        return lacking(recipe.precision, device)

    def room(self, inputs: TrainingInputs, seeds: Seeds, free: int | None) -> int:
        """By an estimate from shapes."""
        if not families.of(inputs.architecture).capabilities.stacks:
            return 1
        return max(1, len(seeds)) if free is None else needs(inputs, seeds).room(free)

    def train(
        self,
        inputs: TrainingInputs,
        seeds: Seeds,
        *,
        device: torch.device,
        checkpoint: Path | None = None,
        checkpoint_seconds: float = 600.0,
        progress: Progress | None = None,
        stop: Callable[[TrainingState], None] | None = None,
    ) -> list[Measured]:
        """As the contract says; what is trained one by one has a checkpoint folder for each run."""
        if len(seeds) > 1 and not families.of(inputs.architecture).capabilities.stacks:
            return [
                self.train(
                    inputs,
                    [seed],
                    device=device,
                    checkpoint=checkpoint and checkpoint / f"run-{number}",
                    checkpoint_seconds=checkpoint_seconds,
                    progress=progress and part_of(progress, number, len(seeds)),
                    stop=stop,
                )[0]
                for number, seed in enumerate(seeds)
            ]
        with matrix_products(inputs.recipe.precision):
            training = Training(inputs, seeds, device)
            state = TrainingState.load(checkpoint, device) if checkpoint is not None else None
            if state is None:
                state = training.start()
            else:
                training.adopt(state)
            total, saved = training.parts.schedule.total_steps, time.monotonic()
            while state.step < total and not training.over(state):
                training.update(state)
                if training.parts.schedule.evaluates_after(state.step):
                    training.evaluate(state)
                try:
                    if progress is not None:
                        progress(state.step, total)
                except Ending:
                    if checkpoint is not None:
                        training.save(state, checkpoint)
                    raise
                if checkpoint is not None and time.monotonic() - saved > checkpoint_seconds:
                    training.save(state, checkpoint)
                    saved = time.monotonic()
                if stop is not None:
                    stop(state)
            return training.finish(state)


def train(
    inputs: Inputs,
    seeds: Seeds,
    *,
    trainer: Trainer | None = None,
    device: torch.device | None = None,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = 600.0,
    progress: Progress | None = None,
    stop: Callable[[TrainingState], None] | None = None,
) -> list[RunResult]:
    """Have one run for each entry of `seeds` trained, and judge them, in that order; see `Trainer.train`.

    Raises UserError where there is no such device or the trainer cannot do on it what the recipe asks for.
    """
    device = device or torch.device("cpu")
    check_device(device)
    trainer = trainer or trainers.find()
    reason = trainer.unsupported(inputs.recipe, device)
    if reason is not None:
        raise UserError(reason)
    measured = trainer.train(
        inputs,
        seeds,
        device=device,
        checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds,
        progress=trimmed(progress) if device.type == "cpu" else progress,
        stop=stop,
    )
    return [result(inputs.basis, run) for run in measured]


class Training:
    """The parts of a training with its strategies, its optimizer and one of the two steps."""

    def __init__(self, inputs: TrainingInputs, seeds: Seeds, device: torch.device) -> None:
        self.parts = Parts.of(inputs, seeds, device)
        self.strategies = composed(self.parts)
        self.selection = CheckpointSelection(inputs, len(seeds))
        self.dev = self._evaluator(self.parts.dev_texts)
        self.dev_logits: Tensor | None = None
        """Those of the last evaluation."""
        self.seconds = {"training": 0.0, "evaluation": 0.0}
        self.refused_checkpoint = False

    def _evaluator(self, texts: TokenizedTexts) -> Evaluator:
        parts = self.parts
        segments = not parts.recipe.legacy_segments
        return Evaluator(texts, len(parts.seeds), parts.dtype, parts.device, segments=segments)

    def start(self) -> TrainingState:
        """Heads drawn, strategies initialised, moments at zero."""
        state = TrainingState(self.parts.initial_weights(), {}, {})
        with torch.no_grad():
            self._moment(0).initialise(state.weights, state.strategy)
        self._prepare(state)
        state.moments, state.missed = self.optimizer.moments, self.optimizer.missed
        return state

    def adopt(self, state: TrainingState) -> None:
        """Go on from a saved state."""
        self._prepare(state)
        self.selection.follow(state)
        for name, saved in state.moments.items():
            for own, kept in self.optimizer.moments_of(name).items():
                kept.copy_(saved[own])
        self.optimizer.missed.update(state.missed)
        state.moments, state.missed = self.optimizer.moments, self.optimizer.missed

    def _prepare(self, state: TrainingState) -> None:
        parts = self.parts
        for tensor in state.weights.values():
            tensor.requires_grad_(True)
        self.optimizer = optimizer = optimizer_of(parts, state.weights)
        device_step = None
        if isinstance(optimizer, AdamW) and parts.capabilities.captures:
            device_step = DeviceStep.of(parts, self.strategies, optimizer, state)
        self.step: DeviceStep | EagerStep = device_step or EagerStep(parts, self.strategies, optimizer, state)

    def _moment(self, step: int) -> Moment:
        return self.strategies.at(step, self.parts.schedule.learning_rate(step))

    def update(self, state: TrainingState) -> None:
        """One optimizer update of every run."""
        began = time.perf_counter()
        self.step.update(state)
        state.step += 1
        self.seconds["training"] += time.perf_counter() - began

    def collect(self, state: TrainingState) -> None:
        """Wait until all updates are done and their measurements are in the state."""
        began = time.perf_counter()
        self.step.collect(state)
        self.seconds["training"] += time.perf_counter() - began

    def save(self, state: TrainingState, folder: Path) -> None:
        """Write a checkpoint; where the disk refuses it, that is said once and the training goes on without."""
        self.collect(state)
        try:
            state.save(folder)
        except UserError as error:
            if not self.refused_checkpoint:
                logging.getLogger(__name__).warning("warning: no checkpoint: %s", error)
            self.refused_checkpoint = True

    def evaluate(self, state: TrainingState) -> Tensor:
        """Score the dev set with the strategy's scored weights, of which these are the logits; changes nothing else."""
        self.collect(state)
        began = time.perf_counter()
        scored = self.scored(state)
        logits = self.dev_logits = self.dev.logits(self.parts.encoder, scored)
        state.evaluations.append(evaluated(state.step, logits, self.parts.inputs))
        self.selection.take(state, scored)
        self.seconds["evaluation"] += time.perf_counter() - began
        return logits

    def scored(self, state: TrainingState) -> Weights:
        """The weights that are evaluated and saved."""
        with torch.no_grad():
            weights = self.optimizer.scored(state.weights)
            return self._moment(state.step).scored_weights(weights, state.strategy)

    def over(self, state: TrainingState) -> bool:
        """Whether no run goes on: each has ended early, or has no finite loss and gradient any more."""
        if not state.losses:
            return False
        return self.selection.all_ended(torch.isfinite(state.losses[-1]) & torch.isfinite(state.norms[-1]))

    def finish(self, state: TrainingState) -> list[Measured]:
        """All runs as they were measured."""
        self.collect(state)
        logits = self.dev_logits
        if not state.evaluations or state.evaluations[-1].step != state.step or logits is None:
            state.evaluations = [done for done in state.evaluations if done.step != state.step]
            logits = self.evaluate(state)
        began = time.perf_counter()  # `evaluate` has counted its own seconds
        reported = self.selection.weights(state, self.scored(state))
        if any(each.reported not in (None, state.step) for each in self.selection.choices):
            logits = self.dev.logits(self.parts.encoder, reported)
        final = self._evaluator(self.parts.train_texts).logits(self.parts.encoder, reported)
        inputs = self.parts.inputs
        train_losses = mean_losses(final, inputs.train.labels, inputs.objective)
        self.seconds["evaluation"] += time.perf_counter() - began
        losses, norms, clipped_norms, gradient_norms = (
            torch.stack(rows).numpy() for rows in (state.losses, state.norms, state.clipped_norms, state.gradient_norms)
        )
        choices = self.selection.choices
        ends = [each.ended or state.step for each in choices]
        groups = {end: self.parts.groups(self.optimizer, self._moment(end - 1).scale) for end in set(ends)}
        measured_at = np.array(state.gradient_norm_steps)
        return [
            Measured(
                losses=losses[:end, run],
                norms=norms[:end, run],
                clipped_norms=clipped_norms[:end, run],
                gradient_norm_steps=measured_at[measured_at < end].tolist(),
                gradient_norms=gradient_norms[: int((measured_at < end).sum()), :, run],
                tensors=list(state.weights),
                evaluations=[
                    Evaluated(done.step, done.losses[run], done.scores[run])
                    for done in state.evaluations
                    if done.step <= end
                ],
                dev_logits=logits[run].numpy(),
                train_loss=train_losses[run],
                tokens=[row[run] for row in state.tokens[:end]],
                passes=state.passes[:end],
                parameter_groups=groups[end],
                weights=weights,
                seconds=self.seconds,
                reported=choice.reported,
                ended=choice.ended,
            )
            for run, (choice, end, weights) in enumerate(zip(choices, ends, self._exported(reported), strict=True))
        ]

    def _exported(self, scored: Weights) -> list[dict[str, Tensor]]:
        parts = self.parts
        exported = [{name: tensor[run].detach() for name, tensor in scored.items()} for run in range(len(parts.seeds))]
        if parts.cut:
            kept = np.cumprod([1 - rate for rate in self._decay_rates(parts.word_table)]).tolist()
            table = parts.inputs.pretrained[parts.word_table].to(parts.device)
            for run, chosen in zip(exported, self.selection.choices, strict=True):
                factor = self.strategies.unused_rows(kept[: chosen.reported])
                run[parts.word_table] = parts.cut.restore(table, run[parts.word_table], factor)
        return exported

    def _decay_rates(self, name: str) -> Iterator[float]:
        """What share of a tensor each update takes away by weight decay."""
        for update in range(self.parts.schedule.total_steps):
            factors = self._moment(update).scale(name)
            rate = self.parts.schedule.learning_rate(update)
            yield rate * factors[0] * self.optimizer.decay[name] * factors[1]
