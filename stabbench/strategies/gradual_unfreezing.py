"""Gradual unfreezing (Howard and Ruder, 2018): the head first, then one layer more at a time, from the top."""

from __future__ import annotations

from dataclasses import dataclass

from stabbench.models.architecture import Architecture
from stabbench.strategies.contract import Context, Strategy, refuse_if


@dataclass(frozen=True)
class GradualUnfreezingOptions:
    """`share` of the updates that is divided evenly among the stages; for the rest everything is trained."""

    share: float = 1.0

    def __post_init__(self) -> None:
        refuse_if(not 0 < self.share <= 1, self, "share", "a number above 0, 1 at most")


class GradualUnfreezing(Strategy):
    """L + 2 stages of equal length: the head alone, then the top layer too, and so on; the embeddings come last.

    The head is what has no pretrained value and, in the same stage, the pooler. In the paper (section 3.3) a stage is
    an epoch, the last one goes on until the model has converged, and rates differ by layer and are slanted triangular.
    A recipe of 3 epochs has no 14 of them for a BERT-base: here a stage is a share of the training, and the rate is the
    recipe's for all that is trained (`plugin: [gradual-unfreezing, llrd]` gives layers rates of their own). What is
    frozen neither decays nor counts in the clipped norm, and its moments and bias correction begin when it is set free.
    3 epochs with bias correction.
    """

    description = "From the head down, one layer more is trained at a time, 3 epochs, bias correction"
    reference = "Howard and Ruder (2018), section 3.3"
    recipe = {"epochs": 3.0, "bias_correction": True}
    Options = GradualUnfreezingOptions

    def unsupported(self, architecture: Architecture, options: GradualUnfreezingOptions) -> str | None:
        """One layer that is all layers cannot be set free by parts."""
        if architecture.shares_layers:
            return "its layers share their weights, so that none can be trained before the one below it"
        return None

    def scale(self, name: str, ctx: Context) -> tuple[float, float]:
        """A pretrained tensor is frozen until its stage begins."""
        if name not in ctx.pretrained:
            return 1.0, 1.0
        layers = ctx.architecture.layers
        stage = layers + 1 - ctx.facts[name].depth
        begins = round(stage * float(ctx.options.share) * ctx.total_steps / (layers + 2))
        return (0.0, 0.0) if ctx.step < begins else (1.0, 1.0)
