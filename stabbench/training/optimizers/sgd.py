"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from stabbench.strategies.contract import refuse_if
from stabbench.training.optimizers.contract import Optimizer, State, TensorContext, zeros


@dataclass(frozen=True)
class SGDOptions:
    """`momentum` 0 is plain gradient descent; `nesterov` looks ahead."""

    momentum: float = 0.9
    nesterov: bool = False

    def __post_init__(self) -> None:
        refuse_if(not 0 <= self.momentum < 1, self, "momentum", "a number from 0 to below 1")
        refuse_if(self.nesterov and self.momentum == 0, self, "nesterov", "false where momentum is 0")


class SGD(Optimizer):
    """As `torch.optim.SGD`: b ← momentum · b + g + decay · w, w ← w − rate · b; without dampening.

    Its rates are larger than Adam's by orders of magnitude: 1e-3 to 1e-1 in place of 1e-5.
    """

    description = "Stochastic gradient descent with momentum; weight decay in the gradient"
    reference = "Sutskever et al. (2013)"
    Options = SGDOptions

    def start(self, weight: Tensor, ctx: TensorContext) -> dict[str, Tensor]:
        """The momentum."""
        return zeros(weight, "momentum") if ctx.options.momentum else {}

    def update(self, weight: Tensor, gradient: Tensor, state: State, ctx: TensorContext) -> None:
        """Momentum and step."""
        options = ctx.options
        direction = gradient.add(weight, alpha=ctx.decay)
        if options.momentum:
            state["momentum"].mul_(options.momentum).add_(direction)
            direction = (
                direction.add(state["momentum"], alpha=options.momentum) if options.nesterov else state["momentum"]
            )
        weight.add_(direction, alpha=-ctx.rate)
