"""Muon (Jordan et al., 2024) for the encoder's matrices, AdamW for all else."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from stabbench.strategies.contract import refuse_if
from stabbench.training.optimizers.adam import AdamW
from stabbench.training.optimizers.contract import State, TensorContext, zeros

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the polynomial a x + b x³ + c x⁵, as `torch.optim.Muon` has them."""
LEAST_NORM = 1e-7
ADJUSTMENTS = ("match_rms_adamw", "original")


@dataclass(frozen=True)
class MuonOptions:
    """`adjust` is what an r × c matrix's rate is multiplied by.

    `match_rms_adamw`: 0.2 √max(r, c), so that updates are as large as AdamW's, whose rate is then Muon's, too (Liu et
    al., 2025); `original`: √max(1, r/c), torch's default, for rates near 0.02.
    """

    momentum: float = 0.95
    nesterov: bool = True
    iterations: int = 5
    adjust: str = ADJUSTMENTS[0]

    def __post_init__(self) -> None:
        refuse_if(not 0 <= self.momentum < 1, self, "momentum", "a number from 0 to below 1")
        wrong = not isinstance(self.iterations, int) or not 1 <= self.iterations < 100
        refuse_if(wrong, self, "iterations", "a whole number from 1 to 99")
        refuse_if(self.adjust not in ADJUSTMENTS, self, "adjust", " or ".join(ADJUSTMENTS))


class Muon(AdamW):
    """The momentum's nearest orthogonal matrix, by Newton and Schulz, is the step of a matrix in one of the layers.

    Embeddings, norms, biases, pooler, head, and what strategies add are trained by AdamW with the recipe's Adam fields.
    Momentum is a running mean as in `torch.optim.Muon`, decay is decoupled. torch iterates in bf16, which is left out:
    here it is done in the type of the weights.
    """

    description = "Orthogonalised momentum for the layers' matrices (Muon), AdamW for all else"
    reference = "Jordan et al. (2024)"
    Options = MuonOptions

    def start(self, weight: Tensor, ctx: TensorContext) -> dict[str, Tensor]:
        """The momentum of a matrix; AdamW's moments of other tensors."""
        return zeros(weight, "momentum") if is_matrix(ctx) else super().start(weight, ctx)

    def update(self, weight: Tensor, gradient: Tensor, state: State, ctx: TensorContext) -> None:
        """Momentum, decay and the orthogonal step; or AdamW's."""
        if not is_matrix(ctx):
            super().update(weight, gradient, state, ctx)
            return
        options = ctx.options
        momentum = state["momentum"].lerp_(gradient, 1 - options.momentum)
        direction = gradient.lerp(momentum, options.momentum) if options.nesterov else momentum
        weight.mul_(1 - ctx.rate * ctx.decay)
        rate = ctx.rate * adjustment(options.adjust, *weight.shape[-2:])
        weight.sub_(orthogonalised(direction, options.iterations), alpha=rate)


def is_matrix(ctx: TensorContext) -> bool:
    """Whether a tensor is a matrix of one of the encoder's layers."""
    return ctx.facts is not None and ctx.facts.linear_weight and 0 < ctx.facts.depth <= ctx.layers


def adjustment(how: str, rows: int, columns: int) -> float:
    """What the rate of a matrix is multiplied by."""
    return math.sqrt(max(1, rows / columns)) if how == "original" else 0.2 * math.sqrt(max(rows, columns))


def orthogonalised(matrices: Tensor, iterations: int) -> Tensor:
    """`[S, r, c]` with all singular values brought near 1."""
    a, b, c = COEFFICIENTS
    tall = matrices.shape[-2] > matrices.shape[-1]
    found = matrices.mT if tall else matrices
    norms = torch.linalg.vector_norm(found.flatten(1), dim=1).clamp_(min=LEAST_NORM)
    found = found / norms.view(-1, 1, 1)
    for _ in range(iterations):
        gram = found @ found.mT
        found = a * found + (b * gram + c * gram @ gram) @ found
    return torch.transpose(found, -2, -1) if tall else found
