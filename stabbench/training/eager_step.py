"""One update of every run, operation by operation, with all hooks of the strategies."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from stabbench.models.batch import Batch
from stabbench.models.dropout import Dropout, Masks
from stabbench.models.encoder import Weights
from stabbench.models.kernel.chain import noting
from stabbench.models.kernel.optimizer import GradientTable
from stabbench.models.kernel.step import OBJECTIVES, PlainStep
from stabbench.strategies.composition import Composition, Moment
from stabbench.training.adamw import AdamW
from stabbench.training.by_rule import ByRule
from stabbench.training.kept_state import Scales, frozen_by
from stabbench.training.norms import clip_factors, gradient_norms, norms_of, scale_gradients
from stabbench.training.parts import Parts
from stabbench.training.state import TrainingState

NOT_OF_LOGITS = "`loss` asks for more of the model than `model(batch)`: it cannot say `loss_of_logits`"


class EagerStep:
    """Forward, backward, clipping, optimizer; on a CPU the compiled kernel computes one run's loss, or its logits."""

    def __init__(self, parts: Parts, strategies: Composition, optimizer: AdamW | ByRule, state: TrainingState) -> None:
        self.parts, self.recipe, self.strategies, self.optimizer = parts, parts.recipe, strategies, optimizer
        self.masks = Masks(parts.recipe.one_dropout, parts.dropout, parts.device)
        self.names = list(state.weights)
        self.scales: Scales | None = None
        self.frozen: frozenset[str] = frozenset()
        given = (parts.inputs.architecture, state.weights, parts.encoder.products)
        self.notes = True
        """Whether a change that the strategies make in C may be all that they do."""
        self.own_loss = parts.inputs.objective.name in OBJECTIVES and not strategies.overrides("loss")
        """Whether the kernel has it."""
        computes = self.own_loss or (strategies.loss_of_logits and not strategies.overrides("training_weights"))
        self.plain = PlainStep.of(*given) if computes and parts.capabilities.kernel else None

    def update(self, state: TrainingState) -> None:
        """Change the weights and append what was measured to the state."""
        update = state.step
        rate = self.parts.schedule.learning_rate(update)
        moment = self.strategies.at(update, rate)
        scales = self.scales if self.scales and self.strategies.scales_are_fixed else moment.scales_of(self.names)
        batch = self.parts.batch(update)
        self._freeze(state, scales)
        losses, gradients, passes = self._gradients(state, moment, batch)
        with torch.no_grad():
            if self.strategies.overrides("penalty"):
                losses = losses + moment.penalty(state.weights, gradients)
            norms = self._norms(gradients, batch.runs)
            total = norms.square().sum(dim=0).sqrt()
            if update % self.recipe.gradient_norm_every == 0:
                state.gradient_norms.append(norms.to("cpu", torch.float64))
                state.gradient_norm_steps.append(update)
            factors = clip_factors(total, self.recipe.max_grad_norm)
            later = batch.runs == 1 and self.strategies.clips_after_hooks
            if not later:
                scale_gradients(gradients, factors)
            if self.strategies.overrides("before_update"):
                given, gradients = gradients, self._for_hooks(state, gradients)
                moment.before_update(state.weights, gradients, state.strategy)
                if isinstance(given, GradientTable) and given.holds(gradients):
                    gradients = given
            self.optimizer.update(gradients, update + 1, rate, scales, clip=float(factors) if later else 1.0)
            moment.after_update(state.weights, state.strategy)
        state.losses.append(losses.to("cpu", torch.float64))
        state.norms.append(total.to("cpu", torch.float64))
        state.clipped_norms.append((total * factors).to("cpu", torch.float64))
        state.tokens.append([passes * count for count in batch.tokens])
        state.passes.append(passes)

    def collect(self, state: TrainingState) -> None:
        """Nothing is left to append: every update has done so."""

    def _freeze(self, state: TrainingState, scales: Scales | None) -> None:
        """Ask for gradients of all weights but those that have a rate of 0."""
        if scales == self.scales:
            return
        frozen = frozen_by(scales)
        for name in frozen ^ self.frozen:
            state.weights[name].requires_grad_(name not in frozen)
        self.scales, self.frozen = scales, frozen

    def _gradients(self, state: TrainingState, moment: Moment, batch: Batch) -> tuple[Tensor, dict[str, Tensor], int]:
        """Losses `(S,)`, gradients of what is not frozen, and how many forward passes there were."""
        weights = state.weights
        computed = None if self.plain is None else self._by_kernel(self.plain, state, moment, batch)
        if computed is not None:
            if len(computed[1]) >= len(weights) - len(self.frozen):
                return torch.from_numpy(np.array([computed[0]])), computed[1], 1
            self.plain = None  # a tensor is trained that no loss depends on, of which the kernel knows nothing
        model = _TrainingModel(self.parts, self.masks, moment, weights, state.step)
        losses = moment.loss(model, weights, batch)
        trained = {name: tensor for name, tensor in weights.items() if name not in self.frozen}
        found = torch.autograd.grad(losses.sum(), list(trained.values()), materialize_grads=True)
        gradients = {name: gradient.contiguous() for name, gradient in zip(trained, found, strict=True)}
        return losses.detach(), gradients, model.passes

    def _by_kernel(
        self, plain: PlainStep, state: TrainingState, moment: Moment, batch: Batch
    ) -> tuple[float, dict[str, Tensor]] | None:
        """The loss of one run, and its gradients; None where the kernel cannot compute them."""
        weights = state.weights
        given = batch, Dropout(self.recipe.one_dropout, self.parts.dropout, state.step)
        if not self.own_loss:
            return plain.of_logits(
                *given, weights, self.frozen, lambda logits: moment.loss(_Logits(logits, batch), weights, batch)
            )
        if not self.strategies.overrides("training_weights"):
            return plain(*given, weights, self.frozen)
        acting, noted = (
            noting(moment.training_weights, weights) if self.notes else (moment.training_weights(weights), [])
        )
        if noted:
            by_factors = plain.by_factors(*given, acting, weights, self.frozen, noted)
            found = by_factors or plain.by_change(*given, acting, weights, noted)
            if found is not None:
                return found
        self.notes = False
        if noted:  # without the graph that is needed now
            acting = moment.training_weights(weights)
        return plain(*given, weights, self.frozen) if acting is weights else plain.through(*given, acting, weights)

    def _norms(self, gradients: dict[str, Tensor], runs: int) -> Tensor:
        """Their norms `(tensors, S)`, 0 for what is frozen."""
        if isinstance(gradients, GradientTable):
            return norms_of(gradients.square_sums())
        found = gradient_norms(gradients)
        if len(gradients) == len(self.names):
            return found
        norms = found.new_zeros(len(self.names), runs)
        norms[[place for place, name in enumerate(self.names) if name in gradients]] = found
        return norms

    def _for_hooks(self, state: TrainingState, gradients: dict[str, Tensor]) -> dict[str, Tensor]:
        """A gradient of every weight, 0 for what is frozen, in a dict of the hooks' own.

        They may put others in it, and keep what they find, but for hooks that say `clips_after_hook`: the kernel writes
        the next update's gradients where these are.
        """
        copies = isinstance(gradients, GradientTable) and not self.strategies.clips_after_hooks
        return {
            name: torch.zeros_like(weight)
            if name not in gradients
            else gradients[name].clone()
            if copies
            else gradients[name]
            for name, weight in state.weights.items()
        }


class _Logits:
    """The model of one update for a strategy that says `loss_of_logits`: its one forward pass is done."""

    def __init__(self, logits: Tensor, batch: Batch) -> None:
        self.logits, self.batch = logits, batch

    def __call__(
        self, batch: Batch, embeddings: Tensor | None = None, call: int = 0, weights: Weights | None = None
    ) -> Tensor:
        if batch is not self.batch or embeddings is not None or call or weights is not None:
            raise RuntimeError(NOT_OF_LOGITS)
        return self.logits

    def embed(self, batch: Batch, weights: Weights | None = None) -> Tensor:
        raise RuntimeError(NOT_OF_LOGITS)


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
