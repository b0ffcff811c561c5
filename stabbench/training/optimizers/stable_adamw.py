"""StableAdamW (Wortsman et al., 2023): AdamW whose rate is lowered where an update would be too large."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from stabbench.strategies.contract import refuse_if
from stabbench.training.optimizers.contract import Optimizer, State, TensorContext, mean_square, zeros


@dataclass(frozen=True)
class StableAdamWOptions:
    """Those with which ModernBERT was pretrained."""

    beta1: float = 0.9
    beta2: float = 0.99
    epsilon: float = 1e-6

    def __post_init__(self) -> None:
        for name in ("beta1", "beta2"):
            refuse_if(not 0 <= getattr(self, name) < 1, self, name, "a number from 0 to below 1")
        refuse_if(self.epsilon <= 0, self, "epsilon", "a positive number")


class StableAdamW(Optimizer):
    """AdamW with Adafactor's update clipping (algorithm 2): the rate of a tensor is divided by max(1, RMS).

    RMS² is the mean of g²/max(u, ε²) over the tensor, u the second moments. Bias is corrected in the β: after t updates
    β is β(1 − β^(t−1))/(1 − β^t). Decay is decoupled and goes by the lowered rate.
    """

    description = "AdamW with update clipping (StableAdamW), as ModernBERT was pretrained"
    reference = "Wortsman et al. (2023)"
    Options = StableAdamWOptions

    def start(self, weight: Tensor, ctx: TensorContext) -> dict[str, Tensor]:
        """Both moments."""
        return zeros(weight, "first", "second")

    def update(self, weight: Tensor, gradient: Tensor, state: State, ctx: TensorContext) -> None:
        """Moments, the lowered rate, decay and step."""
        options = ctx.options
        beta1, beta2 = corrected(options.beta1, ctx.count), corrected(options.beta2, ctx.count)
        first, second = state["first"].lerp_(gradient, 1 - beta1), state["second"].mul_(beta2)
        second.addcmul_(gradient, gradient, value=1 - beta2)
        surprise = mean_square(gradient / second.clamp(min=options.epsilon**2).sqrt_())
        rates = ctx.rate / surprise.sqrt_().clamp_(min=1)
        step = first / second.sqrt().add_(options.epsilon)
        weight.sub_(step.add_(weight, alpha=ctx.decay).mul_(rates))


def corrected(beta: float, count: int) -> float:
    """The weight of the past in a mean of `count` values that needs no further correction."""
    return beta * (1 - beta ** (count - 1)) / (1 - beta**count)
