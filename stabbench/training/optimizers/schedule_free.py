"""Schedule-free AdamW (Defazio et al., 2024): the average of the weights in the place of a schedule."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from stabbench.recipe import Recipe
from stabbench.strategies.contract import refuse_if
from stabbench.training.optimizers.contract import Optimizer, State, TensorContext


@dataclass(frozen=True)
class ScheduleFreeOptions:
    """`beta1` interpolates between average and iterate; an iterate weighs t^`r` · (largest rate)^`weight_lr_power`."""

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    r: float = 0.0
    weight_lr_power: float = 2.0

    def __post_init__(self) -> None:
        refuse_if(not 0 < self.beta1 < 1, self, "beta1", "a number above 0, below 1")
        refuse_if(not 0 <= self.beta2 < 1, self, "beta2", "a number from 0 to below 1")
        for name in ("epsilon", "r", "weight_lr_power"):
            refuse_if(getattr(self, name) < 0, self, name, "a number of 0 or more")


class ScheduleFreeAdamW(Optimizer):
    """Gradients are taken at y = (1 − β1) z + β1 x; z is stepped, and its weighted average x is what is scored.

    g′ = g / (√(v / (1 − β2^t)) + ε) + decay · y, z ← z − rate · g′, x ← (1 − c) x + c z, c the share of this update's
    weight in the sum of all so far. The rates are those of the recipe's constant schedule with its warm-up, during
    which iterates weigh less. A run's weight is y, its state z, v and the sum of the weights.
    """

    description = "AdamW with averaged weights in the place of a schedule (schedule-free)"
    reference = "Defazio et al. (2024)"
    Options = ScheduleFreeOptions

    def refused(self, recipe: Recipe, options: ScheduleFreeOptions) -> str | None:
        """Schedules that decay."""
        if recipe.schedule == "constant":
            return None
        return (
            f"found schedule '{recipe.schedule}', but it averages the weights in the place of a decay: set "
            "`schedule: constant`, whose warm-up it takes"
        )

    def start(self, weight: Tensor, ctx: TensorContext) -> dict[str, Tensor]:
        """z, v, and of each run the sum of weights and the largest rate so far, `[S]`."""
        runs = weight.new_zeros(weight.shape[0])
        return {"z": weight.clone(), "second": torch.zeros_like(weight), "sum": runs, "largest": runs.clone()}

    def update(self, weight: Tensor, gradient: Tensor, state: State, ctx: TensorContext) -> None:
        """v, then y and z; x is where `scored` finds it."""
        options = ctx.options
        second = state["second"].mul_(options.beta2).addcmul_(gradient, gradient, value=1 - options.beta2)
        denominator = (second / (1 - options.beta2**ctx.count)).sqrt_().add_(options.epsilon)
        step = (gradient / denominator).add_(weight, alpha=ctx.decay)
        largest = state["largest"].clamp_(min=ctx.rate)
        weighs = ctx.count**options.r * largest**options.weight_lr_power
        share = torch.where(weighs > 0, weighs / state["sum"].add_(weighs), 0).view(-1, *[1] * (weight.dim() - 1))
        weight.lerp_(state["z"], share).sub_(step * (ctx.rate * (1 - options.beta1 * (1 - share))))
        state["z"].sub_(step, alpha=ctx.rate)

    def scored(self, weight: Tensor, state: State, ctx: TensorContext) -> Tensor:
        """X."""
        return weight.lerp(state["z"], 1 - 1 / ctx.options.beta1)
