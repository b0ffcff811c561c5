"""One update of every run, operation by operation, with all hooks of the strategies."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from stabbench.models.batch import Batch
from stabbench.models.dropout import Dropout, Masks
from stabbench.models.encoder import Weights
from stabbench.models.kernel.step import PlainStep
from stabbench.strategies.composition import Composition, Moment
from stabbench.training.adamw import AdamW, frozen_by
from stabbench.training.norms import clip_factors, gradient_norms, norms_of, scale_gradients
from stabbench.training.parts import Parts
from stabbench.training.state import TrainingState


class EagerStep:
    """Forward, backward, clipping and AdamW; plain updates of one run on a CPU are computed by the compiled kernel."""

    def __init__(self, parts: Parts, strategies: Composition, optimizer: AdamW, state: TrainingState) -> None:
        self.parts, self.recipe, self.strategies, self.optimizer = parts, parts.recipe, strategies, optimizer
        self.masks = Masks(parts.recipe.one_dropout, parts.dropout, parts.device)
        self.names = list(state.weights)
        plain = not strategies.overrides("training_weights", "loss", "before_update")
        single = plain and parts.capabilities.kernel and parts.encoder.products is None
        inputs = parts.inputs
        self.plain = PlainStep.of(inputs.architecture, state.weights, inputs.objective.name) if single else None

    def update(self, state: TrainingState) -> None:
        """Change the weights and append what was measured to the state."""
        update = state.step
        rate = self.parts.schedule.learning_rate(update)
        moment = self.strategies.at(update, rate)
        scales = moment.scales_of(self.names)
        batch = self.parts.batch(update)
        losses, gradients, norms, passes = self._gradients(state, moment, batch, frozen_by(scales))
        with torch.no_grad():
            total = norms.square().sum(dim=0).sqrt()
            if update % self.recipe.gradient_norm_every == 0:
                state.gradient_norms.append(norms.to("cpu", torch.float64))
                state.gradient_norm_steps.append(update)
            factors = clip_factors(total, self.recipe.max_grad_norm)
            later = batch.runs == 1 and not self.strategies.overrides("before_update")
            if not later:
                scale_gradients(gradients, factors)
                moment.before_update(state.weights, gradients, state.strategy)
            self.optimizer.update(gradients, update + 1, rate, scales, clip=float(factors) if later else 1.0)
            moment.after_update(state.weights, state.strategy)
        state.losses.append(losses.to("cpu", torch.float64))
        state.norms.append(total.to("cpu", torch.float64))
        state.clipped_norms.append((total * factors).to("cpu", torch.float64))
        state.tokens.append([passes * count for count in batch.tokens])
        state.passes.append(passes)

    def collect(self, state: TrainingState) -> None:
        """Nothing is left to append: every update has done so."""

    def _gradients(
        self, state: TrainingState, moment: Moment, batch: Batch, frozen: Collection[str]
    ) -> tuple[Tensor, dict[str, Tensor], Tensor, int]:
        """Losses `(S,)`, gradients (0 for what is frozen), their norms `(tensors, S)`, and how many forward passes."""
        if self.plain is not None and not frozen:
            loss, sums = self.plain(batch, Dropout(self.recipe.one_dropout, self.parts.dropout, state.step))
            return torch.tensor([loss], dtype=torch.float64), self.plain.gradients, norms_of(sums), 1
        weights = {name: tensor.detach() if name in frozen else tensor for name, tensor in state.weights.items()}
        model = _TrainingModel(self.parts, self.masks, moment, weights, state.step)
        losses = moment.loss(model, weights, batch)
        trained = {name: tensor for name, tensor in weights.items() if name not in frozen}
        found = torch.autograd.grad(losses.sum(), list(trained.values()), materialize_grads=True)
        gradients = {name: tensor.contiguous() for name, tensor in zip(trained, found, strict=True)}
        with torch.no_grad():
            gradients = {
                name: gradients[name] if name in gradients else torch.zeros_like(weights[name]) for name in weights
            }
            return losses.detach(), gradients, gradient_norms(gradients), model.passes


class _TrainingModel:
    """The model of one update, as strategies see it: with their training weights and its dropout."""

    def __init__(self, parts: Parts, masks: Masks, moment: Moment, weights: Weights, update: int) -> None:
        self.encoder, self.masks, self.moment, self.update = parts.encoder, masks, moment, update
        self.weights = moment.training_weights(weights)
        self.passes = 0

    def __call__(
        self, batch: Batch, embeddings: Tensor | None = None, call: int = 0, weights: Weights | None = None
    ) -> Tensor:
        self.passes += 1
        return self.encoder.classify(self._acting(weights), batch, self.masks.at(self.update, call), embeddings)

    def embed(self, batch: Batch, weights: Weights | None = None) -> Tensor:
        return self.encoder.embed(self._acting(weights), batch)

    def _acting(self, weights: Weights | None) -> Weights:
        return self.weights if weights is None else self.moment.training_weights(weights)
