"""L2-SP (Li et al., 2018): a quadratic penalty on the way from the starting point."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from stabbench.models.batch import Batch
from stabbench.strategies.contract import BoundModel, Context, Strategy, Weights, refuse_if


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

    def loss(self, model: BoundModel, weights: Weights, batch: Batch, ctx: Context) -> Tensor:
        """Cross-entropy and penalty, shape `(S,)`."""
        loss = ctx.objective.loss(model(batch), batch.labels)
        for name, tensor in weights.items():
            pretrained = ctx.pretrained.get(name)
            if pretrained is not None:
                loss = loss + ctx.options.alpha / 2 * _square(tensor - pretrained)
            else:
                loss = loss + ctx.options.beta / 2 * _square(tensor)
        return loss


def _square(tensor: Tensor) -> Tensor:
    """Squared L2 norm of each run, shape `(S,)`."""
    return tensor.flatten(1).square().sum(dim=1)
