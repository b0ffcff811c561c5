"""FreeLB (Zhu et al., 2020): adversarial training on the embeddings, with the gradients of every ascent step used."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from stabbench.models.batch import Batch
from stabbench.strategies.contract import BoundModel, Context, Strategy, Weights, refuse_if

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
        refuse_if(self.steps < 1, self, "steps", "a positive whole number")
        for name in ("step_size", "magnitude", "radius"):
            value = getattr(self, name)
            refuse_if(value is not None and value < 0, self, name, "a number of 0 or more")


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
        scale = _by_row(batch, options.magnitude / (batch.example_lengths * width).to(ctx.dtype).sqrt())
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
    steps = options.step_size / _norms_by_example(batch, slope).clamp(min=SMALLEST_NORM)
    delta = delta + _by_row(batch, steps) * slope
    radius = options.magnitude if options.radius is None else options.radius
    if radius == 0:
        return delta
    return delta * _by_row(batch, (radius / _norms_by_example(batch, delta).clamp(min=SMALLEST_NORM)).clamp(max=1))


def _norms_by_example(batch: Batch, rows: Tensor) -> Tensor:
    """The L2 norm of each example's rows of `(S, T, E)`: `(S, B)`.

    A sum runs over an example's own rows in their order, so that no other example and no run beside it matters.
    """
    lengths = batch.example_lengths
    starts = lengths.cumsum(dim=1) - lengths
    within = torch.arange(int(batch.lengths.max()), device=rows.device)
    index = (starts.unsqueeze(2) + within).clamp(max=rows.shape[1] - 1)
    squares = rows.square().sum(dim=2).gather(1, index.flatten(1)).view(index.shape)
    return squares.masked_fill(within >= lengths.unsqueeze(2), 0).sum(dim=2).sqrt()


def _by_row(batch: Batch, values: Tensor) -> Tensor:
    """Each example's value of `(S, B)` at each of its rows: `(S, T, 1)`, 0 in a run's tail."""
    runs, rows = batch.ids.shape
    ends = batch.example_lengths.cumsum(dim=1)
    places = torch.arange(rows, device=values.device).expand(runs, rows).contiguous()
    owners = torch.searchsorted(ends, places, right=True)
    return F.pad(values, (0, 1)).gather(1, owners).unsqueeze(2)
