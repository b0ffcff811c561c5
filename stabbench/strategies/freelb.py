"""FreeLB (Zhu et al., 2020): adversarial training on the embeddings, with the gradients of every ascent step used."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from stabbench.models.batch import Batch
from stabbench.strategies.contract import BoundModel, Context, Strategy, Weights
from stabbench.strategies.perturbation import by_row, norms_by_example

SMALLEST_NORM = 1e-8


@dataclass(frozen=True)
class FreeLBOptions:
    """`steps` is K, `step_size` α; `magnitude` is ε: of the start, and the radius unless `radius` is set.

    `radius` 0 means that nothing bounds the perturbation.
    """

    steps: int = 3
    step_size: float = 5e-2
    magnitude: float = 1e-1
    radius: float | None = None

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps: found {self.steps!r}, expected a positive whole number")
        for name in ("step_size", "magnitude", "radius"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"{name}: found {value!r}, expected a number of 0 or more")


class FreeLB(Strategy):
    """The mean over K steps of CE(f(x+δ), y), δ climbing it between the steps (the paper's algorithm 1).

    δ begins as U(−ε, ε)/√n on the n elements of an example's word embeddings and moves by α·g/‖g‖, g the gradient of
    the example's own loss and ‖·‖ the norm over the example, then back into the ball of radius ε (the authors' scripts
    leave that out: `radius: 0`). The gradient of the mean loss is the mean of the K gradients, all at the same weights;
    the last of the K ascents would serve nothing and is not made. All K forward passes have the same dropout masks
    (the paper, section 3.3). The paper tunes the rest by task; here: 3 epochs with bias correction.
    """

    description = "Adversarial training on embeddings, K gradients averaged, 3 epochs, bias correction"
    reference = "Zhu et al. (2020)"
    recipe = {"epochs": 3.0, "bias_correction": True}
    Options = FreeLBOptions

    def graphs(self, options: FreeLBOptions) -> int:
        """All K: the gradient is that of their mean."""
        return options.steps

    def loss(self, model: BoundModel, weights: Weights, batch: Batch, ctx: Context) -> Tensor:
        """The mean cross-entropy of the K forward passes, every one of them call 0."""
        options: FreeLBOptions = ctx.options
        embeddings = model.embed(batch)
        width = embeddings.shape[-1]
        scale = by_row(batch, options.magnitude / (batch.example_lengths * width).to(ctx.dtype).sqrt())
        delta = ctx.uniform_by_token("start", batch, width).mul_(2).sub_(1).mul_(scale)
        losses = []
        for step in range(options.steps):
            last = step == options.steps - 1
            delta.requires_grad_(not last)
            losses.append(ctx.objective.loss(model(batch, embeddings + delta), batch.labels))
            if not last:
                (slope,) = torch.autograd.grad(losses[-1].sum(), delta, retain_graph=True)
                delta = _climbed(batch, delta.detach(), slope, options)
        return torch.stack(losses).mean(dim=0)


def _climbed(batch: Batch, delta: Tensor, slope: Tensor, options: FreeLBOptions) -> Tensor:
    """δ one step up the slope, and back to the ball around 0 where it left it."""
    steps = options.step_size / norms_by_example(batch, slope).clamp(min=SMALLEST_NORM)
    delta = delta + by_row(batch, steps) * slope
    radius = options.magnitude if options.radius is None else options.radius
    if radius == 0:
        return delta
    return delta * by_row(batch, (radius / norms_by_example(batch, delta).clamp(min=SMALLEST_NORM)).clamp(max=1))
