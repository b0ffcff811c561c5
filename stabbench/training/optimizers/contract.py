"""The contract of an optimizer: the rule by which one tensor of all runs is updated.

The trainer calls it for every tensor that is not frozen::

    start                   before the tensor's first update: what is kept of it from update to update
    for every update:       (gradients are clipped by the global norm of each run)
        update              changes the weight and its state
    scored                  whenever the dev set is scored, and for what is saved

Every tensor has a leading run axis ``[S, …]``; a rule must not mix runs: norms and means are those of each run. What
`start` gives is checkpointed by name, counted as memory, and on a CPU cut into runs that are updated one after the
other, so that a run's numbers are the same to the last bit whoever is trained beside it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from stabbench.models.architecture import TensorFacts
from stabbench.recipe import Recipe
from stabbench.strategies.contract import NoOptions

State = MutableMapping[str, Tensor]
"""What is kept of a tensor, by names of the rule's own, each `[S, …]`."""


@dataclass(frozen=True)
class TensorContext:
    """What a rule may know of a tensor, and of the present update."""

    name: str
    """As Hugging Face calls it."""
    facts: TensorFacts | None
    """Kind and depth; None of a tensor that a strategy has added."""
    layers: int
    """How many layers the encoder has: the depth of the last one."""
    recipe: Recipe
    options: Any
    count: int = 0
    """The number of the tensor's own update, from 1: those that it sat out frozen do not count."""
    rate: float = 0.0
    """The learning rate: the schedule's times what strategies make of it for this tensor."""
    decay: float = 0.0
    """The weight decay: the recipe's, 0 for biases and norms, times what strategies make of it."""


class Optimizer(ABC):
    """A rule for one tensor; made without arguments, it keeps nothing itself."""

    description: ClassVar[str] = ""
    """One line for listings."""
    reference: ClassVar[str] = ""
    """Where it was published."""
    version: ClassVar[str] = "1"
    """Part of the fingerprint: raise it when the numbers change."""
    Options: ClassVar[type] = NoOptions
    """A frozen dataclass of its own settings, with their defaults: the recipe's `optimizer_options`."""
    reads_adam_fields: ClassVar[bool] = False
    """Whether it goes by the recipe's `adam_beta1`, `adam_beta2`, `adam_epsilon`, `adam_formula` and `bias_correction`.

    Of an optimizer that does not, these are in no spec.
    """
    rows_are_apart: ClassVar[bool] = False
    """Whether a row of word embeddings without a gradient is multiplied by 1 − rate · decay, and changes no other.

    Then rows that no text uses need not be trained. It does not hold where decay is part of the gradient, or where the
    size of a step depends on the whole tensor.
    """

    def refused(self, recipe: Recipe, options: Any) -> str | None:
        """A sentence where it cannot be used with such a recipe; asked when planning."""
        return None

    def start(self, weight: Tensor, ctx: TensorContext) -> dict[str, Tensor]:
        """What is kept of a tensor, before its first update; for memory it is asked with a weight without values."""
        return {}

    @abstractmethod
    def update(self, weight: Tensor, gradient: Tensor, state: State, ctx: TensorContext) -> None:
        """One update of the weight and its state in place, by the clipped gradient, which it may overwrite."""

    def scored(self, weight: Tensor, state: State, ctx: TensorContext) -> Tensor:
        """What of a tensor is evaluated and saved, where that is not the weight at which gradients are taken; pure."""
        return weight


def zeros(weight: Tensor, *names: str) -> dict[str, Tensor]:
    """Tensors of these names like the weight, 0 at first."""
    return {name: torch.zeros_like(weight) for name in names}


def mean_square(tensor: Tensor) -> Tensor:
    """The mean of the squares of each run's elements, `[S, 1, …]`."""
    found = tensor.flatten(1).square().mean(dim=1)
    return found.view(-1, *[1] * (tensor.dim() - 1))


def scores_other_weights(optimizer: Optimizer) -> bool:
    """Whether it has a `scored` of its own."""
    return type(optimizer).scored is not Optimizer.scored
