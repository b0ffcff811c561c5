"""DoRA (Liu et al., 2024): LoRA changes the directions of a matrix's rows, and their lengths are trained beside it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from stabbench.strategies.contract import Context, Tensors, Weights
from stabbench.strategies.lora import DOWN, LoRA

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
        return _of_length(super().training_weights(weights, ctx))

    def scored_weights(self, weights: Weights, state: Mapping[str, Tensor], ctx: Context) -> Weights:
        """The same."""
        return _of_length(super().scored_weights(weights, state, ctx))


def _of_length(merged: Weights) -> Weights:
    """Each matrix V that has an m with rows of that length, every other tensor as it is; m itself is left out."""
    found = {name: tensor for name, tensor in merged.items() if not name.endswith(MAGNITUDE)}
    for name in merged.keys() - found.keys():
        matrix = name.removesuffix(MAGNITUDE) + "weight"
        lengths = torch.linalg.vector_norm(merged[matrix].detach(), dim=2)
        found[matrix] = merged[matrix] * (merged[name] / lengths).unsqueeze(2)
    return found
