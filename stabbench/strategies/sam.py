"""SAM (Foret et al., 2021) and ASAM (Kwon et al., 2021): the gradient where the loss nearby is highest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from stabbench.models.batch import Batch
from stabbench.strategies.contract import BoundModel, Context, Strategy, Weights, refuse_if

SMALLEST_NORM = 1e-16
"""Added to the norm where it divides, as in the authors' code of ASAM: a gradient of 0 leads nowhere."""


@dataclass(frozen=True)
class SharpnessAwareOptions:
    """`radius`, ρ: how far the weights are moved, all together."""

    radius: float = 0.05

    def __post_init__(self) -> None:
        refuse_if(not 0 <= self.radius < float("inf"), self, "radius", "a number of 0 or more")


@dataclass(frozen=True)
class AdaptiveSharpnessAwareOptions:
    """`radius`, ρ, is that of weights divided by their size; `floor`, η, is added to each size."""

    radius: float = 0.5
    floor: float = 0.01

    def __post_init__(self) -> None:
        for name in ("radius", "floor"):
            refuse_if(not 0 <= getattr(self, name) < float("inf"), self, name, "a number of 0 or more")


class SharpnessAware(Strategy):
    """The gradient at w + ρ·g/‖g‖₂, with g that of the batch's loss at w (section 2).

    ‖·‖ is the norm over all tensors of a run that are trained; what is frozen is not moved. As in the paper, the step
    is taken as fixed: no second derivatives. The update is AdamW's, from w, where the paper has SGD with momentum;
    weight decay is in neither gradient, clipping acts on the second one, and the first knows nothing of another
    strategy's penalty. Both passes have the same dropout masks, so that one function is climbed and descended. The
    training loss in the record is that at the moved weights. ρ = 0.05 is the paper's. 3 epochs with bias correction.
    """

    description = "Sharpness-aware minimisation: the gradient at the worst weights nearby, 3 epochs, bias correction"
    reference = "Foret et al. (2021)"
    recipe = {"epochs": 3.0, "bias_correction": True}
    Options = SharpnessAwareOptions

    def loss(self, model: BoundModel, weights: Weights, batch: Batch, ctx: Context) -> Tensor:
        """At the moved weights; both forward passes are call 0."""
        return _loss_nearby(model, weights, batch, ctx, lambda name: None)


class AdaptiveSharpnessAware(Strategy):
    """The gradient at w + ρ·T²g/‖Tg‖₂, with T = |w| + η for each weight (Kwon et al., algorithm 1).

    T is 1 for biases, as in the authors' code: their size says nothing of the function's scale. η = 0.01 and ρ = 0.5
    are the paper's. All else is as in `sam`. 3 epochs with bias correction.
    """

    description = "SAM with a step in proportion to each weight's size, 3 epochs, bias correction"
    reference = "Kwon et al. (2021)"
    recipe = {"epochs": 3.0, "bias_correction": True}
    Options = AdaptiveSharpnessAwareOptions

    def loss(self, model: BoundModel, weights: Weights, batch: Batch, ctx: Context) -> Tensor:
        """At the moved weights; both forward passes are call 0."""

        def size(name: str) -> Tensor | None:
            return None if name.endswith(".bias") else weights[name].detach().abs().add_(ctx.options.floor)

        return _loss_nearby(model, weights, batch, ctx, size)


def _loss_nearby(
    model: BoundModel, weights: Weights, batch: Batch, ctx: Context, size: Callable[[str], Tensor | None]
) -> Tensor:
    """The loss `(S,)` where the weights, divided by `size` (None is 1), have gone by ρ up the slope."""
    names = [name for name, weight in weights.items() if weight.requires_grad]
    loss = ctx.objective.loss(model(batch), batch.labels).sum()
    slopes = torch.autograd.grad(loss, [weights[name] for name in names], materialize_grads=True)
    sizes = [size(name) for name in names]
    scaled = [slope if own is None else slope * own for slope, own in zip(slopes, sizes, strict=True)]
    squares = torch.stack([slope.flatten(1).square().sum(dim=1) for slope in scaled])
    share = ctx.options.radius / (squares.sum(dim=0).sqrt() + SMALLEST_NORM)
    moved: dict[str, Tensor] = {}
    for name, slope, own in zip(names, scaled, sizes, strict=True):
        step = slope * share.view(-1, *[1] * (slope.dim() - 1))
        moved[name] = weights[name] + (step if own is None else step * own)
    return ctx.objective.loss(model(batch, weights={**weights, **moved}), batch.labels)
