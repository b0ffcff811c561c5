"""Lion (Chen et al., 2023): steps of one size in every direction, by the sign of an interpolated momentum."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from stabbench.strategies.contract import refuse_if
from stabbench.training.optimizers.contract import Optimizer, State, TensorContext, zeros


@dataclass(frozen=True)
class LionOptions:
    """The weights of the past in the sign's argument (`beta1`) and in the momentum (`beta2`); the paper's values."""

    beta1: float = 0.9
    beta2: float = 0.99

    def __post_init__(self) -> None:
        for name in ("beta1", "beta2"):
            refuse_if(not 0 <= getattr(self, name) < 1, self, name, "a number from 0 to below 1")


class Lion(Optimizer):
    """w ← w − rate · (sign(β1 m + (1 − β1) g) + decay · w), then m ← β2 m + (1 − β2) g.

    The paper takes rates 3 to 10 times smaller than AdamW's and decays larger by the same factor.
    """

    description = "Steps by the sign of an interpolated momentum (Lion); decoupled decay"
    reference = "Chen et al. (2023)"
    Options = LionOptions
    rows_are_apart = True

    def start(self, weight: Tensor, ctx: TensorContext) -> dict[str, Tensor]:
        """The momentum."""
        return zeros(weight, "momentum")

    def update(self, weight: Tensor, gradient: Tensor, state: State, ctx: TensorContext) -> None:
        """Decay, step, and the momentum after it."""
        momentum, options = state["momentum"], ctx.options
        direction = momentum.lerp(gradient, 1 - options.beta1).sign_()
        weight.mul_(1 - ctx.rate * ctx.decay).add_(direction, alpha=-ctx.rate)
        momentum.lerp_(gradient, 1 - options.beta2)
