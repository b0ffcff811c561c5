"""Sharpness-aware minimisation (Foret et al., 2021): a strategy that needs the gradient at other weights."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from stabbench import Batch, BoundModel, Context, Strategy, Weights

RADIUS = 0.05


class Sharpness(Strategy):
    """The loss at w + ρ·g/‖g‖, g the gradient at w; its gradient is taken as if the step were fixed."""

    description = "SAM"
    reference = "Foret et al. (2021)"
    recipe: ClassVar = {"epochs": 3.0, "bias_correction": True}

    def loss(self, model: BoundModel, weights: Weights, batch: Batch, ctx: Context) -> Tensor:
        names = [name for name, weight in weights.items() if weight.requires_grad]
        loss = ctx.objective.loss(model(batch), batch.labels).sum()
        slopes = torch.autograd.grad(loss, [weights[name] for name in names])
        norm = torch.stack([slope.flatten(1).square().sum(1) for slope in slopes]).sum(0).sqrt()
        steps = {
            name: RADIUS * slope / norm.view(-1, *[1] * (slope.dim() - 1))
            for name, slope in zip(names, slopes, strict=True)
        }
        moved = {name: weights[name] + step for name, step in steps.items()}
        return ctx.objective.loss(model(batch, weights={**weights, **moved}), batch.labels)
