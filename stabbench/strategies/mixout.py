"""Mixout (Lee et al., 2020): in training, columns of the weights are put back to their pretrained values at random."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from stabbench.models.architecture import Architecture
from stabbench.models.kernel.columns import put_back
from stabbench.strategies.contract import Context, Strategy, Weights, refuse_if
from stabbench.strategies.matrices import chosen, nothing_fits


@dataclass(frozen=True)
class MixoutOptions:
    """`probability` of putting an input column back; `include` and `exclude` are patterns of tensor names."""

    probability: float = 0.7
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        refuse_if(not 0 <= self.probability <= 1, self, "probability", "a number from 0 to 1")


class Mixout(Strategy):
    """W̃ = [(1−M)·U + M·W − p·U] / (1−p) = U + M/(1−p)·(W − U), with M ~ Bernoulli(1−p) drawn for each input column.

    U is the pretrained value, so E[W̃] = W; at p = 1, W̃ = U. It applies to the matrices of every linear layer of encoder
    and pooler that have a pretrained value; the new classifier is left out. Dropout is off, as the authors advise.
    """

    description = "Mixout on encoder and pooler, 3 epochs, no bias correction"
    reference = "Lee et al. (2020)"
    recipe = {"epochs": 3.0, "bias_correction": False, "dropout": 0.0}
    Options = MixoutOptions

    def unsupported(self, architecture: Architecture, options: MixoutOptions) -> str | None:
        """There has to be a matrix that is mixed."""
        return nothing_fits(architecture, options.include, options.exclude)

    def training_weights(self, weights: Weights, ctx: Context) -> Weights:
        """Mix every chosen matrix; evaluation keeps using W."""
        options: MixoutOptions = ctx.options
        names = chosen(ctx, options.include, options.exclude)
        matrices, pretrained = [weights[name] for name in names], [ctx.pretrained[name] for name in names]
        places = [ctx.place + name for name in names]
        mixed = put_back(matrices, pretrained, ctx.draws, places, ctx.step, options.probability)
        if mixed is None:
            keep = [self._keep(name, ctx.pretrained[name], ctx) for name in names]
            mixed = tuple(map(torch.addcmul, pretrained, map(torch.sub, matrices, pretrained), keep))
        return {**weights, **dict(zip(names, mixed, strict=True))}

    def _keep(self, name: str, pretrained: torch.Tensor, ctx: Context) -> torch.Tensor:
        probability = ctx.options.probability
        kept = ctx.uniform(name, (1, pretrained.shape[-1])) >= probability
        return kept.to(ctx.dtype) / (1 - probability) if probability < 1 else torch.zeros_like(kept, dtype=ctx.dtype)
