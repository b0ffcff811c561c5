"""The training loop: S runs of one cell, from their heads to their results."""

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
from stabbench.models.weights import initial_weights
from stabbench.randomness import Draws
from stabbench.strategies.composition import Composition
from stabbench.strategies.contract import Context
from stabbench.tasks.metrics import score
from stabbench.training.adamw import AdamW
from stabbench.training.device_step import DeviceStep
from stabbench.training.eager_step import EagerStep
from stabbench.training.evaluation import Evaluator, mean_cross_entropy
from stabbench.training.first_epoch import first_epoch
from stabbench.training.inputs import RunResult, Seeds, TrainingInputs
from stabbench.training.order import Order
from stabbench.training.outcome import results
from stabbench.training.precision import check_device, check_precision, compute_type, matrix_products, product_type
from stabbench.training.schedule import Schedule
from stabbench.training.state import Evaluation, TrainingState

Progress = Callable[[int, int], None]


def train(
    inputs: TrainingInputs,
    seeds: Seeds,
    *,
    device: torch.device | None = None,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = 600.0,
    progress: Progress | None = None,
    stop: Callable[[TrainingState], None] | None = None,
) -> list[RunResult]:
    """Train one run for each entry of `seeds` side by side and return their results in that order.

    A run's result depends on `inputs` and its own seeds only. A model that is computed one run at a time is trained for
    one seed after the other, each with a checkpoint folder of its own. Raises UserError where the device lacks the
    recipe's precision. With a `checkpoint` folder the state is saved there about every `checkpoint_seconds`, and a
    saved one is continued bit for bit. `progress(step, total)` is called after every update, and so is `stop(state)`,
    which may raise to end the training.
    """
    device = device or torch.device("cpu")
    check_device(device)
    check_precision(inputs.recipe.precision, device)
    if len(seeds) > 1 and not families.of(inputs.architecture).capabilities.stacks:
        return [
            train(
                inputs,
                [seed],
                device=device,
                checkpoint=checkpoint and checkpoint / f"run-{number}",
                checkpoint_seconds=checkpoint_seconds,
                progress=progress and _part_of(progress, number, len(seeds)),
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
        saved = time.monotonic()
        while state.step < training.schedule.total_steps and not training.all_diverged(state):
            training.update(state)
            if training.schedule.evaluates_after(state.step):
                training.evaluate(state)
            if progress is not None:
                progress(state.step, training.schedule.total_steps)
            if checkpoint is not None and time.monotonic() - saved > checkpoint_seconds:
                training.save(state, checkpoint)
                saved = time.monotonic()
            if stop is not None:
                stop(state)
        return training.finish(state)


def _part_of(progress: Progress, number: int, count: int) -> Progress:
    """What tells `progress` of training number `number` out of `count` equal ones."""
    return lambda step, total: progress(number * total + step, count * total)


class Training:
    """The fixed parts of a training: batches, schedule, encoder, optimizer and strategies."""

    def __init__(self, inputs: TrainingInputs, seeds: Seeds, device: torch.device) -> None:
        recipe = inputs.recipe
        self.inputs, self.seeds, self.device, self.recipe = inputs, seeds, device, recipe
        self.dtype = compute_type(recipe.precision)
        self.encoder = families.encoder_of(inputs.architecture, product_type(recipe.precision))
        self.facts = inputs.architecture.facts()
        self.schedule = Schedule.of(recipe, len(inputs.train))
        self.word_table = inputs.architecture.word_embeddings
        self.capabilities = families.of(inputs.architecture).capabilities
        self.cut = inputs.vocabulary_cut()
        self.train_texts = self.cut.renumber(inputs.train) if self.cut else inputs.train
        self.dev_texts = self.cut.renumber(inputs.dev) if self.cut else inputs.dev
        orders = [Draws(seed["order"], "order") for seed in seeds]
        self.order = Order(orders, len(inputs.train), recipe.batch_size)
        self.dropout = [Draws(seed["dropout"], "dropout") for seed in seeds]
        self.strategies = self._strategies()
        self.dev = self._evaluator(self.dev_texts)
        self.seconds = {"training": 0.0, "evaluation": 0.0}
        self.refused_checkpoint = False

    def _evaluator(self, texts: TokenizedTexts) -> Evaluator:
        segments = not self.recipe.legacy_segments
        return Evaluator(texts, len(self.seeds), self.dtype, self.device, segments=segments)

    def _strategies(self) -> Composition:
        pretrained = {name: tensor.to(self.device, self.dtype) for name, tensor in self.inputs.pretrained.items()}
        if self.cut:
            pretrained[self.word_table] = self.cut.cut(pretrained[self.word_table])
        stacked = {name: tensor.unsqueeze(0) for name, tensor in pretrained.items()}
        draws = [Draws(seed["strategy"], "strategy") for seed in self.seeds]
        members = []
        for number, (strategy, options) in enumerate(self.inputs.strategies):
            context = Context(
                options=options,
                architecture=self.inputs.architecture,
                facts=self.facts,
                pretrained=stacked,
                total_steps=self.schedule.total_steps,
                steps_per_epoch=self.schedule.steps_per_epoch,
                draws=draws,
                device=self.device,
                dtype=self.dtype,
                place=f"{number}:",
                first_epoch=lambda weights: first_epoch(self, weights),
            )
            members.append((strategy, context))
        return Composition(tuple(members))

    def start(self) -> TrainingState:
        """Heads drawn, strategies initialised, moments at zero."""
        runs = [self._initial(seed["head"]) for seed in self.seeds]
        weights = {name: torch.stack([run[name] for run in runs]).to(self.device) for name in runs[0]}
        state = TrainingState(weights, {}, {})
        self.strategies.at(0, self.schedule.learning_rate(0))
        with torch.no_grad():
            self.strategies.initialise(state.weights, state.strategy)
        self._prepare(state)
        state.moments, state.missed = self.optimizer.moments, self.optimizer.missed
        return state

    def _initial(self, seed: int) -> dict[str, Tensor]:
        weights = initial_weights(self.inputs.pretrained, self.inputs.architecture, seed, self.dtype)
        if self.cut:
            weights[self.word_table] = self.cut.cut(weights[self.word_table])
        return weights

    def adopt(self, state: TrainingState) -> None:
        """Go on from a saved state."""
        self._prepare(state)
        for name, (first, second) in state.moments.items():
            self.optimizer.moments[name][0].copy_(first)
            self.optimizer.moments[name][1].copy_(second)
        self.optimizer.missed.update(state.missed)
        state.moments, state.missed = self.optimizer.moments, self.optimizer.missed

    def _prepare(self, state: TrainingState) -> None:
        for tensor in state.weights.values():
            tensor.requires_grad_(True)
        self.names = list(state.weights)
        self.optimizer = AdamW(state.weights, self.recipe, self._decays)
        device_step = DeviceStep.of(self, state) if self.capabilities.captures else None
        self.step: DeviceStep | EagerStep = device_step or EagerStep(self, state)

    def _decays(self, name: str) -> bool:
        return self.facts[name].decays if name in self.facts else not name.endswith(".bias")

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

    def evaluate(self, state: TrainingState) -> None:
        """Score the dev set with the strategy's scored weights; changes nothing of the training."""
        self.collect(state)
        began = time.perf_counter()
        logits = self.dev.logits(self.encoder, self.scored(state))
        labels = self.inputs.dev.labels
        finite = torch.isfinite(logits).all(dim=2).all(dim=1).tolist()
        losses = mean_cross_entropy(logits, labels)
        predictions = logits.argmax(dim=-1).numpy()
        state.evaluations.append(
            Evaluation(
                step=state.step,
                losses=[loss if whole else None for loss, whole in zip(losses, finite, strict=True)],
                scores=[
                    {metric: score(metric, labels, predictions[run]) for metric in self.inputs.metrics} if whole else {}
                    for run, whole in enumerate(finite)
                ],
            )
        )
        self.last_logits = logits
        self.seconds["evaluation"] += time.perf_counter() - began

    def scored(self, state: TrainingState) -> Weights:
        """The weights that are evaluated and saved."""
        self.strategies.at(state.step, self.schedule.learning_rate(state.step))
        with torch.no_grad():
            return self.strategies.scored_weights(state.weights, state.strategy)

    def all_diverged(self, state: TrainingState) -> bool:
        """Whether no run has a finite loss and gradient any more."""
        if not state.losses:
            return False
        return not bool((torch.isfinite(state.losses[-1]) & torch.isfinite(state.norms[-1])).any())

    def finish(self, state: TrainingState) -> list[RunResult]:
        """The results of all runs."""
        self.collect(state)
        began = time.perf_counter()
        if not state.evaluations or state.evaluations[-1].step != state.step or not hasattr(self, "last_logits"):
            state.evaluations = [done for done in state.evaluations if done.step != state.step]
            self.evaluate(state)
        scored = self.scored(state)
        final = self._evaluator(self.train_texts).logits(self.encoder, scored)
        train_losses = mean_cross_entropy(final, self.inputs.train.labels)
        self.seconds["evaluation"] += time.perf_counter() - began
        return results(self, state, self.last_logits, train_losses, self._exported(scored))

    def _exported(self, scored: Weights) -> list[dict[str, Tensor]]:
        exported = [{name: tensor[run].detach() for name, tensor in scored.items()} for run in range(len(self.seeds))]
        if self.cut:
            decayed = float(np.prod([1 - rate for rate in self._decay_rates(self.word_table)]))
            table = self.inputs.pretrained[self.word_table].to(self.device)
            for run in exported:
                run[self.word_table] = self.cut.restore(table, run[self.word_table], decayed)
        return exported

    def _decay_rates(self, name: str) -> Iterator[float]:
        """What share of a tensor each update takes away by weight decay."""
        for update in range(self.schedule.total_steps):
            rate = self.schedule.learning_rate(update)
            self.strategies.at(update, rate)
            factors = self.strategies.scale(name)
            yield rate * factors[0] * self.optimizer.decay[name] * factors[1]
