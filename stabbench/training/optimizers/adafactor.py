"""Adafactor (Shazeer and Stern, 2018): second moments by row and column, steps relative to the weights' size."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from stabbench.strategies.contract import refuse_if
from stabbench.training.optimizers.contract import Optimizer, State, TensorContext, mean_square


@dataclass(frozen=True)
class AdafactorOptions:
    """The share of update t in the second moments is t^`beta2_decay`; these are `epsilon1`² at least.

    `epsilon2` is the least size of a tensor that steps are relative to, `clipping` the largest root mean square of an
    update. `epsilon1` None is what the weights' type can tell from 1, as in torch.
    """

    beta2_decay: float = -0.8
    epsilon1: float | None = None
    epsilon2: float = 1e-3
    clipping: float = 1.0

    def __post_init__(self) -> None:
        refuse_if(self.beta2_decay > 0, self, "beta2_decay", "a number of 0 or less")
        wrong = self.epsilon1 is not None and not self.epsilon1 >= 0
        refuse_if(wrong, self, "epsilon1", "a number of 0 or more, or null")
        refuse_if(self.epsilon2 < 0, self, "epsilon2", "a number of 0 or more")
        refuse_if(self.clipping < 1, self, "clipping", "a number of 1 or more")


class Adafactor(Optimizer):
    """The form of `torch.optim.Adafactor`: a step is min(rate, 1/√t) · max(ε2, RMS(w)) times the clipped update.

    Rates are relative to the size of each tensor: 1e-3 to 1e-2, torch's default, in place of AdamW's 1e-5. Without
    momentum; decay is decoupled.
    """

    description = "Factored second moments, steps relative to each tensor's size (Adafactor)"
    reference = "Shazeer and Stern (2018)"
    Options = AdafactorOptions

    def start(self, weight: Tensor, ctx: TensorContext) -> dict[str, Tensor]:
        """Of a matrix `[S, r, c]` second moments `[S, r, 1]` and `[S, 1, c]`; of a vector all of them."""
        if weight.dim() < 3:
            return {"variance": torch.zeros_like(weight)}
        rows, columns = (
            weight.new_zeros(*weight.shape[:-1], 1),
            weight.new_zeros(*weight.shape[:-2], 1, weight.shape[-1]),
        )
        return {"rows": rows, "columns": columns}

    def update(self, weight: Tensor, gradient: Tensor, state: State, ctx: TensorContext) -> None:
        """Decay, and the clipped update."""
        options = ctx.options
        epsilon = torch.finfo(weight.dtype).eps if options.epsilon1 is None else options.epsilon1
        size = mean_square(weight).sqrt_().clamp_(min=options.epsilon2) * min(ctx.rate, ctx.count**-0.5)
        weight.mul_(1 - ctx.rate * ctx.decay)
        new = ctx.count**options.beta2_decay
        squares = gradient.square()
        if "variance" in state:
            variance = state["variance"].lerp_(squares, new).clone()
        else:
            rows = state["rows"].lerp_(squares.mean(dim=-1, keepdim=True), new)
            columns = state["columns"].lerp_(squares.mean(dim=-2, keepdim=True), new)
            variance = rows * columns / rows.mean(dim=-2, keepdim=True).clamp_(min=epsilon)
        change = variance.clamp_(min=epsilon * epsilon).rsqrt_().mul_(gradient)
        clipped = (mean_square(change).sqrt_() / options.clipping).clamp_(min=1)
        weight.sub_(change.mul_(size / clipped))
