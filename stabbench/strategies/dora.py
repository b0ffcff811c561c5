"""DoRA (Liu et al., 2024): LoRA changes the directions of a matrix's rows, and their lengths are trained beside it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from stabbench.models.kernel.low_rank import with_lengths
from stabbench.strategies.contract import Context, Tensors, Weights
from stabbench.strategies.lora import DOWN, LoRA, changed

MAGNITUDE = "lora_magnitude"


class DoRA(LoRA):
    """m·V/‖V‖ in the place of W, with V = W + (α/r)·B·A and ‖·‖ the norm of each output's weights.

    m `(out,)` begins at ‖W‖, so that training begins at the pretrained function. In the gradient ‖V‖ is a constant, as
    the paper's section 4.3 advises and PEFT has it. The norm is that of a row of torch's matrix `(out, in)`, as in the
    authors' code and in PEFT. m decays like A and B. Which matrices, r, α, A, B and the recipe are `lora`'s.
    """

    description = "LoRA of directions beside trained magnitudes, encoder frozen, 20 epochs at 3e-4, bias correction"
    reference = "Liu et al. (2024)"

    def initialise(self, weights: Tensors, state: Tensors, ctx: Context) -> None:
        """Add A, B and m."""
        super().initialise(weights, state, ctx)
        for module in [name.removesuffix(DOWN) for name in weights if name.endswith(DOWN)]:
            weights[module + MAGNITUDE] = torch.linalg.vector_norm(weights[module + "weight"], dim=2)

    def training_weights(self, weights: Weights, ctx: Context) -> Weights:
        """The matrices with direction and magnitude of their own."""
        return _directed(weights, self._scaling(ctx.options))

    def scored_weights(self, weights: Weights, state: Mapping[str, Tensor], ctx: Context) -> Weights:
        """The same."""
        return _directed(weights, self._scaling(ctx.options))


def _directed(weights: Weights, scaling: float) -> Weights:
    """Each matrix with a change as the V that it makes of it, its rows of the lengths m; A, B and m are left out."""
    parts = changed(weights)
    lengths = [parts.others.pop(name.removesuffix("weight") + MAGNITUDE) for name in parts.names]
    found = with_lengths(parts.matrices, parts.ups, parts.downs, scaling, lengths)
    return parts.whole(found or tuple(map(_of_length, parts.sums(scaling), lengths)))


def _of_length(matrix: Tensor, lengths: Tensor) -> Tensor:
    """Its rows with other lengths; their own are constants in the gradient."""
    own: Tensor = torch.linalg.vector_norm(matrix.detach(), dim=2)
    return matrix * (lengths / own).unsqueeze(2)
