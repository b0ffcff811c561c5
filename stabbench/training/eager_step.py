"""One update of every run, operation by operation, with all hooks of the strategies."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from stabbench.models.batch import Batch, make_batch
from stabbench.models.device_draws import DeviceDraws
from stabbench.models.dropout import DeviceDropout, Dropout
from stabbench.models.encoder import Weights
from stabbench.models.kernel.step import PlainStep
from stabbench.training.adamw import frozen_by
from stabbench.training.norms import clip_factors, gradient_norms, norms_of, scale_gradients
from stabbench.training.state import TrainingState

if TYPE_CHECKING:
    from stabbench.training.loop import Training


class EagerStep:
    """Forward, backward, clipping and AdamW; plain updates of one run on a CPU are computed by the compiled kernel."""

    def __init__(self, training: Training, state: TrainingState) -> None:
        self.training, self.recipe, self.strategies = training, training.recipe, training.strategies
        on_cpu = training.device.type == "cpu"
        self.draws = None if on_cpu else DeviceDraws(training.dropout, training.device)
        plain = not self.strategies.overrides("training_weights", "loss", "before_update")
        single = plain and training.capabilities.kernel and training.encoder.products is None
        self.plain = PlainStep.of(training.inputs.architecture, state.weights) if single else None

    def update(self, state: TrainingState) -> None:
        """Change the weights and append what was measured to the state."""
        training, update = self.training, state.step
        rate = training.schedule.learning_rate(update)
        self.strategies.at(update, rate)
        scales = self.strategies.scales_of(training.names)
        batch = self._batch(update)
        losses, gradients, norms = self._gradients(state, batch, update, frozen_by(scales))
        with torch.no_grad():
            total = norms.square().sum(dim=0).sqrt()
            if update % self.recipe.gradient_norm_every == 0:
                state.gradient_norms.append(norms.to("cpu", torch.float64))
                state.gradient_norm_steps.append(update)
            factors = clip_factors(total, self.recipe.max_grad_norm)
            later = batch.runs == 1 and not self.strategies.overrides("before_update")
            if not later:
                scale_gradients(gradients, factors)
                self.strategies.before_update(state.weights, gradients, state.strategy)
            training.optimizer.update(gradients, update + 1, rate, scales, clip=float(factors) if later else 1.0)
            self.strategies.after_update(state.weights, state.strategy)
        state.losses.append(losses.to("cpu", torch.float64))
        state.norms.append(total.to("cpu", torch.float64))
        state.clipped_norms.append((total * factors).to("cpu", torch.float64))
        state.tokens.append([self.passes * count for count in batch.tokens])
        state.passes.append(self.passes)

    def collect(self, state: TrainingState) -> None:
        """Nothing is left to append: every update has done so."""

    def _gradients(
        self, state: TrainingState, batch: Batch, update: int, frozen: Collection[str]
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Losses `(S,)`, gradients (0 for what is frozen) and their norms `(tensors, S)`."""
        self.passes = 1
        if self.plain is not None and not frozen:
            loss, sums = self.plain(batch, Dropout(self.recipe.one_dropout, self.training.dropout, update))
            return torch.tensor([loss], dtype=torch.float64), self.plain.gradients, norms_of(sums)
        weights = {name: tensor.detach() if name in frozen else tensor for name, tensor in state.weights.items()}
        model = _TrainingModel(self, weights, update)
        losses = self.strategies.loss(model, weights, batch)
        self.passes = model.passes
        trained = {name: tensor for name, tensor in weights.items() if name not in frozen}
        found = torch.autograd.grad(losses.sum(), list(trained.values()), materialize_grads=True)
        gradients = {name: tensor.contiguous() for name, tensor in zip(trained, found, strict=True)}
        with torch.no_grad():
            gradients = {
                name: gradients[name] if name in gradients else torch.zeros_like(weights[name]) for name in weights
            }
            return losses.detach(), gradients, gradient_norms(gradients)

    def _batch(self, update: int) -> Batch:
        training, segments = self.training, not self.recipe.legacy_segments
        chosen = list(training.order.chosen(update))
        return make_batch(training.train_texts, chosen, training.dtype, training.device, segments=segments)

    def dropout(self, update: int, call: int) -> Dropout | DeviceDropout:
        """The masks of a forward pass, drawn where the tensors are."""
        probability = self.recipe.one_dropout
        if self.draws is None:
            return Dropout(probability, self.training.dropout, update, call)
        step = torch.full((), update, dtype=torch.int64, device=self.training.device)
        return DeviceDropout(probability, self.draws, step, call)


class _TrainingModel:
    """The model of one update, as strategies see it: with their training weights and its dropout."""

    def __init__(self, step: EagerStep, weights: Weights, update: int) -> None:
        self.step, self.update = step, update
        self.weights = step.strategies.training_weights(weights)
        self.passes = 0

    def __call__(
        self, batch: Batch, embeddings: Tensor | None = None, call: int = 0, weights: Weights | None = None
    ) -> Tensor:
        self.passes += 1
        dropout = self.step.dropout(self.update, call)
        return self.step.training.encoder.classify(self._acting(weights), batch, dropout, embeddings)

    def embed(self, batch: Batch, weights: Weights | None = None) -> Tensor:
        return self.step.training.encoder.embed(self._acting(weights), batch)

    def _acting(self, weights: Weights | None) -> Weights:
        return self.weights if weights is None else self.step.strategies.training_weights(weights)
