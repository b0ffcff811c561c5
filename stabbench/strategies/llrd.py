"""Layer-wise learning-rate decay: the lower the layer, the smaller its rate."""

from __future__ import annotations

from dataclasses import dataclass

from stabbench.models.architecture import Architecture
from stabbench.strategies.contract import Context, Strategy, refuse_if


@dataclass(frozen=True)
class LayerwiseDecayOptions:
    """`factor` by which the rate shrinks from each layer to the one below, ξ."""

    factor: float = 0.95

    def __post_init__(self) -> None:
        refuse_if(not 0 < self.factor <= 1, self, "factor", "a number above 0, at most 1")


class LayerwiseDecay(Strategy):
    """lr·ξ^k for the k-th layer from above: head and pooler lr, the top layer lr·ξ, the embeddings lr·ξ^(L + 1).

    So the authors' code has it (Howard and Ruder, 2018; Zhang et al., 2021, section 7: ξ = 0.95). Weight decay is
    multiplied by the tensor's own rate, as AdamW does. 3 epochs with bias correction, as Zhang et al. train; their
    decay of 0 is left to the model's recipe.
    """

    description = "smaller learning rates for lower layers, 3 epochs, bias correction"
    reference = "Zhang et al. (2021), section 7; Howard and Ruder (2018)"
    recipe = {"epochs": 3.0, "bias_correction": True}
    Options = LayerwiseDecayOptions

    def unsupported(self, architecture: Architecture, options: LayerwiseDecayOptions) -> str | None:
        """One layer that is all layers has no depth."""
        if architecture.shares_layers:
            return "its layers share their weights, so that a layer cannot have a rate of its own"
        return None

    def scale(self, name: str, ctx: Context) -> tuple[float, float]:
        """ξ^(L + 1 − depth); a tensor that another strategy added trains like the head."""
        facts = ctx.facts.get(name)
        below = ctx.architecture.layers + 1 - facts.depth if facts is not None else 0
        return ctx.options.factor**below, 1.0
