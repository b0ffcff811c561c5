"""LoRA's kin: rank-stabilised scaling, a rate of its own for B, and the other factor random at the start."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from stabbench.strategies.contract import Context, refuse_if
from stabbench.strategies.lora import UP, LoRA, LoRAOptions, uniform_by_inputs


class RankStabilisedLoRA(LoRA):
    """`lora` with W + (α/√r)·B·A in the place of W + (α/r)·B·A (Kalajdzievski, 2023).

    So that a larger rank does not make for smaller steps. Everything else is `lora`'s, its r = 8 and α = 16, with which
    the factor is 5.7 in place of 2, and its recipe among it.
    """

    description = "LoRA scaled by α/√r, encoder frozen, 20 epochs at 3e-4, bias correction"
    reference = "Kalajdzievski (2023)"

    def _scaling(self, options: LoRAOptions) -> float:
        return options.alpha / math.sqrt(options.rank)


@dataclass(frozen=True)
class LoRAPlusOptions(LoRAOptions):
    """`ratio`, λ: B's learning rate in A's."""

    ratio: float = 16.0

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_if(not 0 < self.ratio < float("inf"), self, "ratio", "a positive number")


class LoRAPlus(LoRA):
    """`lora` with a learning rate of B that is λ times A's (Hayou et al., 2024, LoRA+).

    λ = 16 is what the authors advise. A's rate, and that of the head, is the recipe's: `lora`'s 3e-4, which the authors
    advise to take smaller by half or so where λ is large. B's decay is multiplied by its own rate, as AdamW does; the
    authors' code has no decay by default, and gives the head's bias B's rate.
    """

    description = "LoRA with a 16 times larger rate for B, encoder frozen, 20 epochs at 3e-4, bias correction"
    reference = "Hayou et al. (2024a)"
    Options = LoRAPlusOptions
    scales_are_fixed = True

    def scale(self, name: str, ctx: Context) -> tuple[float, float]:
        """What was pretrained is frozen."""
        if name in ctx.pretrained:
            return 0.0, 0.0
        return (ctx.options.ratio if name.endswith(UP) else 1.0), 1.0


class LoRAInitB(LoRA):
    """`lora` with B random and A = 0 at the start, Init[B] of Hayou et al. (2024); `lora` itself has their Init[A].

    B is drawn by the law that A has otherwise, U(−1/√r, 1/√r), r being B's inputs. The change is 0 at the start as
    well. Their finding is that Init[A] bears larger rates.
    """

    description = "LoRA with A = 0 and B random at the start, encoder frozen, 20 epochs at 3e-4, bias correction"
    reference = "Hayou et al. (2024b)"

    def _factors(self, module: str, weight: Tensor, ctx: Context) -> tuple[Tensor, Tensor]:
        runs, outputs, inputs = weight.shape
        rank = ctx.options.rank
        return weight.new_zeros(runs, rank, inputs), uniform_by_inputs(module + UP, outputs, rank, ctx)
