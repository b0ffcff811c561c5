"""LoRA (Hu et al., 2022): a low-rank change of some matrices is trained, the pretrained weights are frozen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from stabbench.errors import UserError
from stabbench.models.architecture import Architecture
from stabbench.models.kernel.low_rank import with_low_rank
from stabbench.strategies.contract import Context, Strategy, Tensors, Weights, refuse_if
from stabbench.strategies.matrices import chosen, nothing_fits, said_of_none

DOWN, UP = "lora_A", "lora_B"


@dataclass(frozen=True)
class LoRAOptions:
    """`rank` is r, `alpha` α; `include` are patterns of the names of the matrices that are changed."""

    rank: int = 8
    alpha: float = 16.0
    include: tuple[str, ...] = ("*.query.weight", "*.value.weight", "*.q_lin.weight", "*.v_lin.weight")

    def __post_init__(self) -> None:
        refuse_if(self.rank < 1, self, "rank", "a positive whole number")
        refuse_if(self.alpha <= 0, self, "alpha", "a positive number")


class LoRA(Strategy):
    """W + (α/r)·B·A in the place of W, with A `(r, in)` and B `(out, r)`; B = 0 at the start.

    On the query and value matrices of every layer, as the paper does on GLUE; `include: ["*"]` is every linear layer
    that has a pretrained value. A is U(−1/√in, 1/√in), as in the authors' code (the paper says Gaussian). Everything
    that has a pretrained value is frozen; new tensors (the classifier, RoBERTa's dense layer) are trained beside A and
    B. A and B decay like other matrices. The weights that are scored and kept have B·A added in, under the model's own
    names.

    The recipe is that of the paper's RoBERTa-large on MRPC, for which r is 8 and α 16: 20 epochs, a rate of 3e-4 (2e-4
    to 4e-4 on other tasks) and a warm-up of 6 %. The rate is the method's own: it goes over the model's.
    """

    description = "Low-rank change of query and value matrices, encoder frozen, 20 epochs at 3e-4, bias correction"
    reference = "Hu et al. (2022)"
    recipe = {"epochs": 20.0, "learning_rate": 3e-4, "warmup_ratio": 0.06, "bias_correction": True}
    Options = LoRAOptions
    scales_are_fixed = True

    def unsupported(self, architecture: Architecture, options: LoRAOptions) -> str | None:
        """There has to be a matrix that is changed."""
        return nothing_fits(architecture, options.include)

    def initialise(self, weights: Tensors, state: Tensors, ctx: Context) -> None:
        """Add A and B; UserError where nothing that was read is included."""
        include = ctx.options.include
        names = chosen(ctx, include)
        if not names:
            raise UserError(said_of_none(chosen(ctx, ["*"]), include))
        for name in names:
            module = name.removesuffix("weight")
            weights[module + DOWN], weights[module + UP] = self._factors(module, weights[name], ctx)

    def scale(self, name: str, ctx: Context) -> tuple[float, float]:
        """What was pretrained is frozen."""
        return (0.0, 0.0) if name in ctx.pretrained else (1.0, 1.0)

    def training_weights(self, weights: Weights, ctx: Context) -> Weights:
        """The matrices with their change added in."""
        return _merged(weights, self._scaling(ctx.options))

    def scored_weights(self, weights: Weights, state: Mapping[str, Tensor], ctx: Context) -> Weights:
        """The matrices with their change added in."""
        return _merged(weights, self._scaling(ctx.options))

    def _factors(self, module: str, weight: Tensor, ctx: Context) -> tuple[Tensor, Tensor]:
        """A `(S, r, in)` and B `(S, out, r)` at the start."""
        runs, outputs, inputs = weight.shape
        rank = ctx.options.rank
        return uniform_by_inputs(module + DOWN, rank, inputs, ctx), weight.new_zeros(runs, outputs, rank)

    def _scaling(self, options: LoRAOptions) -> float:
        """The factor of B·A."""
        return options.alpha / options.rank


def uniform_by_inputs(place: str, outputs: int, inputs: int, ctx: Context) -> Tensor:
    """U(−1/√inputs, 1/√inputs) of shape `(S, outputs, inputs)`, as torch begins a linear layer."""
    return (ctx.uniform(place, (outputs, inputs)) * 2 - 1) / math.sqrt(inputs)


class Changed(NamedTuple):
    """The matrices that have a change, their B and A in the same order, and all tensors but these factors by name."""

    names: list[str]
    matrices: list[Tensor]
    ups: list[Tensor]
    downs: list[Tensor]
    others: dict[str, Tensor]

    def sums(self, scaling: float) -> tuple[Tensor, ...]:
        """W + scaling·B·A of each, by torch."""
        parts = zip(self.matrices, self.ups, self.downs, strict=True)
        return tuple(torch.baddbmm(*each, alpha=scaling) for each in parts)

    def whole(self, found: Sequence[Tensor]) -> dict[str, Tensor]:
        """All tensors, with these in the places of the matrices."""
        return self.others | dict(zip(self.names, found, strict=True))


def changed(weights: Weights) -> Changed:
    """What of the weights belongs to a change; `others` has the matrices as they are."""
    names, up_names, down_names = _names(tuple(weights))
    others = dict(weights)
    matrices = [weights[name] for name in names]
    ups, downs = [others.pop(name) for name in up_names], [others.pop(name) for name in down_names]
    return Changed(names, matrices, ups, downs, others)


def _merged(weights: Weights, scaling: float) -> dict[str, Tensor]:
    """W + scaling·B·A where there are A and B, every other tensor as it is; A and B themselves are left out."""
    parts = changed(weights)
    return parts.whole(with_low_rank(parts.matrices, parts.ups, parts.downs, scaling) or parts.sums(scaling))


@lru_cache(maxsize=64)
def _names(names: tuple[str, ...]) -> tuple[list[str], list[str], list[str]]:
    """Of all tensors' names those of the matrices with a change, and of the B and the A of each."""
    modules = [name.removesuffix(DOWN) for name in names if name.endswith(DOWN)]
    matrices, ups, downs = ([module + leaf for module in modules] for leaf in ("weight", UP, DOWN))
    return matrices, ups, downs
