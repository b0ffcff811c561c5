"""The training loop: S runs of one cell, from their heads to their results."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stabbench.models.batch import Batch, Integers, make_batch
from stabbench.models.dropout import Dropout
from stabbench.models.encoder import Encoder, Weights
from stabbench.models.kernel.step import PlainStep
from stabbench.models.vocabulary import VocabularyCut
from stabbench.models.weights import initial_weights
from stabbench.randomness import Draws
from stabbench.strategies.composition import Composition
from stabbench.strategies.contract import Context
from stabbench.tasks.metrics import score
from stabbench.training.adamw import AdamW
from stabbench.training.evaluation import Evaluator, mean_cross_entropy
from stabbench.training.inputs import RunResult, Seeds, TrainingInputs, compute_type
from stabbench.training.norms import clip_factors, gradient_norms, norms_of, scale_gradients
from stabbench.training.outcome import results
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

    A run's result depends on `inputs` and its own seeds only. With a `checkpoint` folder the state is saved there about
    every `checkpoint_seconds`, and a saved one is continued bit for bit. `progress(step, total)` is called after every
    update, and so is `stop(state)`, which may raise to end the training.
    """
    training = Training(inputs, seeds, device or torch.device("cpu"))
    state = TrainingState.load(checkpoint, training.device) if checkpoint is not None else None
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
            state.save(checkpoint)
            saved = time.monotonic()
        if stop is not None:
            stop(state)
    return training.finish(state)


class Training:
    """The fixed parts of a training: batches, schedule, encoder, optimizer and strategies."""

    def __init__(self, inputs: TrainingInputs, seeds: Seeds, device: torch.device) -> None:
        recipe = inputs.recipe
        self.inputs, self.seeds, self.device, self.recipe = inputs, seeds, device, recipe
        self.dtype = compute_type(recipe.precision)
        self.encoder = Encoder(inputs.architecture)
        self.facts = inputs.architecture.facts()
        self.schedule = Schedule.of(recipe, len(inputs.train))
        self.word_table = f"{inputs.architecture.prefix}.embeddings.word_embeddings.weight"
        whole = any(strategy.needs_whole_vocabulary for strategy, _ in inputs.strategies)
        self.cut = None if whole else VocabularyCut.of((inputs.train, inputs.dev), inputs.architecture.vocabulary_size)
        self.train_texts = self.cut.renumber(inputs.train) if self.cut else inputs.train
        self.dev_texts = self.cut.renumber(inputs.dev) if self.cut else inputs.dev
        self.order = [Draws(seed["order"], "order") for seed in seeds]
        self.dropout = [Draws(seed["dropout"], "dropout") for seed in seeds]
        self.strategies = self._strategies()
        self.dev = self._evaluator(self.dev_texts)
        self.orders: tuple[int, list[Integers]] | None = None
        self.seconds = {"training": 0.0, "evaluation": 0.0}

    def _evaluator(self, texts: object) -> Evaluator:
        segments = not self.recipe.legacy_segments
        return Evaluator(texts, len(self.seeds), self.dtype, self.device, segments=segments)  # type: ignore[arg-type]

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
        state.moments = self.optimizer.moments
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
        state.moments = self.optimizer.moments

    def _prepare(self, state: TrainingState) -> None:
        for tensor in state.weights.values():
            tensor.requires_grad_(True)
        self.names = list(state.weights)
        self.optimizer = AdamW(state.weights, self.recipe, self._decays)
        plain = not self.strategies.overrides("training_weights", "loss", "before_update")
        self.plain = PlainStep.of(self.inputs.architecture, state.weights) if plain else None

    def _decays(self, name: str) -> bool:
        return self.facts[name].decays if name in self.facts else not name.endswith(".bias")

    def update(self, state: TrainingState) -> None:
        """One optimizer update of every run."""
        began = time.perf_counter()
        update = state.step
        rate = self.schedule.learning_rate(update)
        self.strategies.at(update, rate)
        batch = self._batch(update)
        losses, gradients, norms = self._gradients(state, batch, update)
        with torch.no_grad():
            total = norms.square().sum(dim=0).sqrt()
            if update % self.recipe.gradient_norm_every == 0:
                state.gradient_norms.append(norms.to("cpu", torch.float64))
                state.gradient_norm_steps.append(update)
            factors = clip_factors(total, self.recipe.max_grad_norm)
            later = len(self.seeds) == 1 and not self.strategies.overrides("before_update")
            if not later:
                scale_gradients(gradients, factors)
                self.strategies.before_update(state.weights, gradients, state.strategy)
            scales = {name: self.strategies.scale(name) for name in self.names} if self.strategies.scales else None
            self.optimizer.update(gradients, update + 1, rate, scales, clip=float(factors) if later else 1.0)
            self.strategies.after_update(state.weights, state.strategy)
        state.losses.append(losses.to("cpu", torch.float64))
        state.norms.append(total.to("cpu", torch.float64))
        state.clipped_norms.append((total * factors).to("cpu", torch.float64))
        state.tokens.append(list(batch.tokens))
        state.step += 1
        self.seconds["training"] += time.perf_counter() - began

    def _gradients(self, state: TrainingState, batch: Batch, update: int) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Losses `(S,)`, gradients and their norms `(tensors, S)`."""
        if self.plain is not None:
            loss, sums = self.plain(batch, Dropout(self.recipe.dropout, self.dropout, update))
            return torch.tensor([loss], dtype=torch.float64), self.plain.gradients, norms_of(sums)
        model = _TrainingModel(self, self.strategies.training_weights(state.weights), update)
        losses = self.strategies.loss(model, state.weights, batch)
        found = torch.autograd.grad(losses.sum(), list(state.weights.values()), materialize_grads=True)
        gradients = {name: tensor.contiguous() for name, tensor in zip(self.names, found, strict=True)}
        with torch.no_grad():
            return losses.detach(), gradients, gradient_norms(gradients)

    def _batch(self, update: int) -> Batch:
        epoch, within = divmod(update, self.schedule.steps_per_epoch)
        if self.orders is None or self.orders[0] != epoch:
            count = len(self.train_texts)
            self.orders = epoch, [draws.permutation("examples", count, epoch) for draws in self.order]
        size = self.recipe.batch_size
        chosen = [order[within * size : (within + 1) * size] for order in self.orders[1]]
        segments = not self.recipe.legacy_segments
        return make_batch(self.train_texts, chosen, self.dtype, self.device, segments=segments)

    def evaluate(self, state: TrainingState) -> None:
        """Score the dev set with the strategy's scored weights; changes nothing of the training."""
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
        with torch.no_grad():
            return self.strategies.scored_weights(state.weights, state.strategy)

    def all_diverged(self, state: TrainingState) -> bool:
        """Whether no run has a finite loss and gradient any more."""
        if not state.losses:
            return False
        return not bool((torch.isfinite(state.losses[-1]) & torch.isfinite(state.norms[-1])).any())

    def finish(self, state: TrainingState) -> list[RunResult]:
        """The results of all runs."""
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
            decay = self.recipe.weight_decay
            rates = (self.schedule.learning_rate(update) for update in range(self.schedule.total_steps))
            decayed = float(np.prod([1 - rate * decay for rate in rates]))
            table = self.inputs.pretrained[self.word_table].to(self.device)
            for run in exported:
                run[self.word_table] = self.cut.restore(table, run[self.word_table], decayed)
        return exported


class _TrainingModel:
    """The model of one update, as strategies see it."""

    def __init__(self, training: Training, weights: Weights, update: int) -> None:
        self.training, self.weights, self.update = training, weights, update

    def __call__(self, batch: Batch, embeddings: Tensor | None = None, call: int = 0) -> Tensor:
        dropout = Dropout(self.training.recipe.dropout, self.training.dropout, self.update, call)
        return self.training.encoder.classify(self.weights, batch, dropout, embeddings)

    def embed(self, batch: Batch) -> Tensor:
        return self.training.encoder.embed(self.weights, batch)
