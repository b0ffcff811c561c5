"""SMART's smoothness-inducing adversarial regularization (Jiang et al., 2020), without its Bregman proximal step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from stabbench.models.batch import Batch
from stabbench.strategies.contract import BoundModel, Context, Strategy, Weights, refuse_if

SMALLEST_SLOPE = 1e-6
"""Added to a token's largest slope where it divides, as in the authors' code: what is flat is not climbed."""


@dataclass(frozen=True)
class SmartOptions:
    """`weight` is λs, `initial_std` σ, `step_size` η, `steps` how many ascent steps are made; `radius` is ε.

    A `radius` of 0 means that nothing bounds the perturbation.
    """

    weight: float = 1.0
    initial_std: float = 1e-5
    step_size: float = 1e-3
    steps: int = 1
    radius: float = 0.0

    def __post_init__(self) -> None:
        for name in ("weight", "step_size", "radius"):
            refuse_if(getattr(self, name) < 0, self, name, "a number of 0 or more")
        refuse_if(self.initial_std <= 0, self, "initial_std", "a positive number")
        refuse_if(self.steps < 1, self, "steps", "a positive whole number")


class Smart(Strategy):
    """CE(f(x), y) + λs·ℓs(f(x), f(x+δ)), ℓs the symmetric divergence, δ found by ascent on it.

    δ begins as N(0, σ²) on the word embeddings and takes `steps` steps δ ← Π(δ + η·ĝ), ĝ the gradient of an example's
    own ℓs(f(x), f(x+δ)) with f(x) fixed, divided by its largest element; then δ is fixed, and the gradient of the loss
    goes through both predictions. That is the paper's algorithm 1 with its σ = 1e-5 and η = 1e-3, and two departures
    that the authors' code makes: the largest element is each token's own, and nothing is projected (Π is the identity;
    `radius: 1e-5` bounds the elements of δ by the paper's ε). On a pretrained MiniLM at these defaults the ascent adds
    a quarter to the divergence that δ = 0 has, within the radius 1 %, and noise as large as the step nothing; a
    gradient that is not divided adds 0.01 %. Some releases of that code rescale δ itself to largest element 1, many
    times the size of an embedding's own: that is not followed. Every forward pass is a training pass with dropout masks
    of its own, as in the authors' code; so the divergence that is climbed is not flat at δ = 0.
    6 epochs with bias correction (Adam), the paper's largest number for GLUE.
    """

    description = "Adversarial smoothness part of SMART alone (no Bregman step), 6 epochs, bias correction"
    reference = "Jiang et al. (2020)"
    recipe = {"epochs": 6.0, "bias_correction": True}
    Options = SmartOptions
    version = "2"

    def graphs(self, options: SmartOptions) -> int:
        """The clean forward pass, and that of the ascent or the last one."""
        return 2

    def loss(self, model: BoundModel, weights: Weights, batch: Batch, ctx: Context) -> Tensor:
        """Cross-entropy of the clean forward pass (call 0) and the divergence from it at δ.

        Ascent step k is call k, the last forward pass call `steps` + 1.
        """
        options: SmartOptions = ctx.options
        embeddings, logits = model.embed(batch), model(batch)
        fixed_embeddings, fixed_logits = embeddings.detach(), logits.detach()
        delta = ctx.normal_by_token("noise", batch, embeddings.shape[-1]).mul_(options.initial_std)
        for step in range(1, options.steps + 1):
            delta.requires_grad_()
            divergence = ctx.objective.divergences(model(batch, fixed_embeddings + delta, call=step), fixed_logits)
            (slope,) = torch.autograd.grad(divergence.sum(), delta)
            delta = _climbed(delta.detach(), slope, options)
        divergence = ctx.objective.divergences(logits, model(batch, embeddings + delta, call=options.steps + 1))
        return ctx.objective.loss(logits, batch.labels) + options.weight * divergence.mean(dim=1)


def _climbed(delta: Tensor, slope: Tensor, options: SmartOptions) -> Tensor:
    """δ one step up the slope, both `(S, T, E)`, and back to the box around 0 where it left it."""
    largest = slope.abs().amax(dim=-1, keepdim=True)
    delta = delta + options.step_size * slope / (largest + SMALLEST_SLOPE)
    return delta.clamp(-options.radius, options.radius) if options.radius else delta
