"""L2-SP (Li et al., 2018): a quadratic penalty on the way from the starting point."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from stabbench.models.kernel import passes
from stabbench.strategies.contract import Context, Strategy, Tensors, Weights, refuse_if


@dataclass(frozen=True)
class L2SPOptions:
    """`alpha` weighs the distance of pretrained tensors from their old values, `beta` the size of the new tensors."""

    alpha: float = 0.1
    beta: float = 0.01

    def __post_init__(self) -> None:
        for name in ("alpha", "beta"):
            refuse_if(not 0 <= getattr(self, name) < float("inf"), self, name, "a number of 0 or more")


class L2SP(Strategy):
    """Cross-entropy + α/2·‖w − w0‖² over pretrained tensors + β/2·‖w‖² over new ones (equation 3).

    All parameters count, biases and LayerNorm weights among them, as w in the paper is the whole parameter vector. The
    penalty is part of the loss: of the gradient that is clipped and that Adam scales, and of the training loss that the
    record holds. It takes the place of weight decay, which is 0 whatever params.yaml says. So a row of the word table
    that no text uses stays at w0 exactly, adds nothing to penalty or gradient, and the table may be cut to the rows in
    use. The paper trains convolutional networks with momentum; the recipe here is 3 epochs with bias correction.
    """

    description = "penalty on the distance from the pretrained weights, 3 epochs, bias correction"
    reference = "Li et al. (2018)"
    recipe = {"epochs": 3.0, "bias_correction": True, "weight_decay": 0.0}
    Options = L2SPOptions

    def scale(self, name: str, ctx: Context) -> tuple[float, float]:
        """No weight decay beside the penalty."""
        return 1.0, 0.0

    def penalty(self, weights: Weights, gradients: Tensors, ctx: Context) -> Tensor:
        """Its value and its gradient, in one pass."""
        options: L2SPOptions = ctx.options
        factors = [options.alpha if name in ctx.pretrained else options.beta for name in weights]
        targets, slopes = ([found.get(name) for name in weights] for found in (ctx.pretrained, gradients))
        tensors = list(weights.values())
        value = passes.pull(slopes, tensors, targets, factors)
        if value is not None:
            return torch.tensor([value], dtype=torch.float64)
        whole = tensors[0].new_zeros(tensors[0].shape[0])
        for factor, weight, target, slope in zip(factors, tensors, targets, slopes, strict=True):
            way = weight if target is None else weight - target
            whole += factor / 2 * way.flatten(1).square().sum(dim=1)
            if slope is not None:
                slope.add_(way, alpha=factor)
        return whole
