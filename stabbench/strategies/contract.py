"""The contract of a fine-tuning strategy: a recipe, and hooks that are all optional.

The trainer calls them in this order::

    initialise                                  once, before the first update
    for every update:
        scale                                   for each tensor
        training_weights -> loss                forward and backward
        penalty                                 what it adds to the loss, and to the gradients
        (clipping by the global norm)
        before_update                           gradients after clipping
        (the recipe's optimizer, AdamW by default)
        after_update
    scored_weights                              whenever the dev set is scored, and for what is saved

Every tensor has a leading run axis ``[S, …]``; a hook is written as if for one model and must not mix runs. It takes,
by their names, those of the arguments below that it needs (`stabbench.strategies.hooks`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor

from stabbench.models.architecture import Architecture, TensorFacts
from stabbench.models.batch import Batch
from stabbench.models.device_draws import DeviceDraws
from stabbench.randomness import DROPOUT_LEVELS, Draws, dropout_threshold
from stabbench.recipe import Recipe
from stabbench.tasks import objectives
from stabbench.tasks.objectives.contract import Objective

Weights = Mapping[str, Tensor]
Tensors = MutableMapping[str, Tensor]
"""By name, `[S, …]`: what a hook may change in place."""


@dataclass(frozen=True)
class NoOptions:
    """For strategies that have none."""


def refuse_if(wrong: bool, options: object, name: str, expected: str) -> None:
    """ValueError with the value of the option `name` and what is expected of it, where it is wrong.

    NaN always is: every comparison with it is false, so that `value < 0` alone would let it through.
    """
    value = getattr(options, name)
    if wrong or (isinstance(value, float) and math.isnan(value)):
        raise ValueError(f"{name}: found {value!r}, expected {expected}")


class BoundModel(Protocol):
    """The model with the training weights of this update and its dropout."""

    def __call__(
        self, batch: Batch, embeddings: Tensor | None = None, call: int = 0, weights: Weights | None = None
    ) -> Tensor:
        """Logits `(S, B, labels)`; forwards with different `call` draw different dropout masks.

        `weights` are others than the update's, in the form in which `loss` gets those: every strategy's
        `training_weights` acts on them too, with the draws of this update. Gradients go through them.
        """
        ...

    def embed(self, batch: Batch, weights: Weights | None = None) -> Tensor:
        """Word embeddings `(S, T, E)`, of other `weights` where they are given."""
        ...


Pass = Callable[[Weights], Iterator[tuple[BoundModel, Batch]]]


def _no_pass(weights: Weights) -> Iterator[tuple[BoundModel, Batch]]:
    raise RuntimeError("this context has no training set: `first_epoch` is there in a training only")


def _unscaled(name: str) -> tuple[float, float]:
    return 1.0, 1.0


@dataclass(frozen=True)
class Context:
    """What a hook may know: fixed facts of the training, and where it stands now; every update has one of its own."""

    options: Any
    architecture: Architecture
    facts: Mapping[str, TensorFacts]
    """Kind and depth of every tensor, by Hugging Face name."""
    pretrained: Weights
    """Pretrained values, shape `[1, …]`; the new classifier (and a new pooler) is not among them."""
    total_steps: int
    steps_per_epoch: int
    draws: Sequence[Draws]
    """Each run's `strategy` stream."""
    device: torch.device
    dtype: torch.dtype
    step: int = 0
    """Updates done so far."""
    learning_rate: float = 0.0
    """The schedule's rate of the present update."""
    objective: Objective = field(default_factory=objectives.find)
    """What the model is trained for: its `loss(logits, labels)`, its `divergences(logits, others)`."""
    place: str = ""
    """What tells a member's draws from those of the others."""
    first_epoch: Pass = _no_pass
    """Called with weights: the batches of every run's own first epoch in its order, each with the model bound to them.

    For `initialise`: one pass over the training set. Dropout is that of training, with masks that no update draws. Runs
    are computed one after the other, so that logits and gradients are bit for bit those of a run alone. Weights are
    taken as they are given: no `training_weights` acts.
    """
    scales: Callable[[str], tuple[float, float]] = _unscaled
    """Factors of a tensor's learning rate and decay now, of all strategies together; 1 while these are asked."""

    def rate(self, name: str) -> float:
        """The learning rate of a tensor in the present update."""
        return self.learning_rate * self.scales(name)[0]

    def scaled_bernoulli(self, place: str, probability: float, shape: Sequence[int]) -> Tensor:
        """Bernoulli(p)/p of shape `[S, *shape]`, keyed by seed, step and place: its expectation is 1.

        Drawn where the tensors are, at 16-bit resolution as dropout is, and divided by the probability that the levels
        really have.
        """
        least, scale = dropout_threshold(1 - probability)
        count = math.prod(shape)
        if self.device.type == "cpu":
            drawn = np.stack([draws.levels(self.place + place, count, self.step) >= least for draws in self.draws])
            kept = torch.from_numpy(drawn)
        else:
            step = torch.full((), self.step, dtype=torch.int64, device=self.device)
            levels = DeviceDraws(self.draws, self.device).levels(self.place + place, count, step)
            kept = levels >= least - DROPOUT_LEVELS // 2
        return kept.view(len(self.draws), *shape).to(self.dtype) * scale

    def uniform(self, place: str, shape: Sequence[int]) -> Tensor:
        """Uniform numbers in [0, 1) of shape `[S, *shape]`, keyed by seed, step and place."""
        return self._stack([draws.uniform(self.place + place, shape, self.step) for draws in self.draws])

    def normal(self, place: str, shape: Sequence[int]) -> Tensor:
        """Standard normal numbers of shape `[S, *shape]`, keyed by seed, step and place."""
        return self._stack([draws.normal(self.place + place, shape, self.step) for draws in self.draws])

    def uniform_by_token(self, place: str, batch: Batch, width: int) -> Tensor:
        """Uniform numbers in [0, 1) of shape `[S, T, width]`: drawn for a run's own tokens, 0 in its tail."""
        return self._by_token([draws.uniform for draws in self.draws], place, batch, width)

    def normal_by_token(self, place: str, batch: Batch, width: int) -> Tensor:
        """Standard normal numbers of shape `[S, T, width]`: drawn for a run's own tokens, 0 in its tail."""
        return self._by_token([draws.normal for draws in self.draws], place, batch, width)

    def _by_token(self, draw: Sequence[Callable[..., np.ndarray]], place: str, batch: Batch, width: int) -> Tensor:
        table = np.zeros((*batch.ids.shape, width))
        for run, count in enumerate(batch.tokens):
            table[run, :count] = draw[run](self.place + place, (count, width), self.step)
        return torch.from_numpy(table).to(device=self.device, dtype=self.dtype)

    def _stack(self, values: Sequence[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.stack(values)).to(device=self.device, dtype=self.dtype)


class Strategy:
    """A fine-tuning strategy; usable as it is, with a recipe alone."""

    description: ClassVar[str] = ""
    """One line for tables and listings."""
    reference: ClassVar[str] = ""
    """Where the method was published."""
    recipe: ClassVar[Mapping[str, Any]] = {}
    """Hyperparameters that go over the model's own (fields of `stabbench.recipe.Recipe`)."""
    Options: ClassVar[type] = NoOptions
    """A frozen dataclass of the strategy's own settings."""
    version: ClassVar[str] = "1"
    """Part of the fingerprint: raise it when the numbers change."""
    needs_whole_vocabulary: ClassVar[bool] = False
    """Whether word-embedding rows that no text uses must be present.

    They must where they change other than by plain decay, unless `unused_rows` says what is scored of them.
    """
    clips_after_hook: ClassVar[bool] = False
    """Whether `before_update` multiplies gradients by what does not depend on them, if at all, and keeps none.

    Then it may be given gradients before clipping: the factor is the same, and AdamW's own pass applies it. They may
    lie where the next update's will: what is kept of them has to be a copy.
    """
    scales_are_fixed: ClassVar[bool] = False
    """Whether the `scale` of this class gives each tensor the same factors at every update: then it is asked once."""
    loss_of_logits: ClassVar[bool] = False
    """Whether the `loss` of this class depends on nothing but the logits of one call `model(batch)` and the labels.

    Then its gradient is asked of the logits alone, and on a CPU the compiled kernel takes it from there.
    """
    needs_adam: ClassVar[bool] = False
    """Whether the method is defined with Adam's step: other optimizers than adamw and adam are then refused."""

    def unsupported(self, architecture: Architecture, options: Any) -> str | None:
        """A sentence where the strategy cannot be used with this architecture, or not with these options."""
        return None

    def caution(self, recipe: Recipe, options: Any) -> str | None:
        """A sentence where this recipe does not suit the strategy, which the plan passes on as a warning."""
        return None

    def graphs(self, options: Any) -> int:
        """How many forward passes `loss` keeps at once for their gradients: memory is counted by it."""
        return 1

    def initialise(self, weights: Tensors, state: Tensors, ctx: Context) -> None:
        """Change or add weights in place before training; `state` tensors `[S, …]` are checkpointed."""

    def scale(self, name: str, ctx: Context) -> tuple[float, float]:
        """Factors for the learning rate and the weight decay of a tensor now; (0, 0) freezes it.

        A frozen tensor has no gradient, counts for nothing in the clipped norm, and leaves its moments and its own
        count of updates, which the bias correction goes by, where they are.
        """
        return 1.0, 1.0

    def training_weights(self, weights: Weights, ctx: Context) -> Weights:
        """The weights of the training forward pass; differentiable."""
        return weights

    def loss(self, model: BoundModel, weights: Weights, batch: Batch, ctx: Context) -> Tensor:
        """The loss of each run, shape `(S,)`; by default the objective's mean over the batch."""
        return ctx.objective.loss(model(batch), batch.labels)

    def penalty(self, weights: Weights, gradients: Tensors, ctx: Context) -> Tensor:
        """A term of the loss in the weights alone, shape `(S,)`; its gradient is added to `gradients`, in place.

        These are the loss's, before clipping, of the weights that are not frozen.
        """
        return next(iter(weights.values())).new_zeros(len(ctx.draws))

    def before_update(self, weights: Weights, gradients: Tensors, state: Tensors, ctx: Context) -> None:
        """Change gradients in place, after clipping and before AdamW; or weights, by a step beside AdamW's."""

    def after_update(self, weights: Tensors, state: Tensors, ctx: Context) -> None:
        """Follow or change the weights in place after AdamW."""

    def scored_weights(self, weights: Weights, state: Mapping[str, Tensor], ctx: Context) -> Weights:
        """What is evaluated and saved, with Hugging Face names; pure."""
        return weights

    def unused_rows(self, kept: Sequence[float], ctx: Context) -> float:
        """What is scored of a word-embedding row that no text uses, as a factor of its pretrained value.

        Of strategies with their own `scored_weights`. `kept` is what plain decay has left of the row after each update.
        """
        return kept[-1] if kept else 1.0


HOOKS = (
    "initialise", "scale", "training_weights", "loss", "penalty", "before_update", "after_update", "scored_weights",
)  # fmt: skip


def overrides(strategy: type[Strategy], hook: str) -> bool:
    """Whether a strategy has a hook of its own."""
    return getattr(strategy, hook) is not getattr(Strategy, hook)


def is_recipe_only(strategy: type[Strategy]) -> bool:
    """Whether a strategy is plain data, so that its runs are told apart by their recipe alone."""
    return not any(overrides(strategy, hook) for hook in HOOKS)
