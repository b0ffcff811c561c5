"""Re-init (Zhang et al., 2021): pooler and top layers begin anew."""

from __future__ import annotations

from dataclasses import dataclass

from stabbench.models.architecture import Architecture
from stabbench.strategies.contract import Context, Strategy, Tensors, refuse_if

INITIAL_STD = 0.02


@dataclass(frozen=True)
class ReInitOptions:
    """`layers`: how many of the top layers begin anew, all of them where the model has fewer; 0: the pooler alone."""

    layers: int = 5

    def __post_init__(self) -> None:
        refuse_if(self.layers != int(self.layers) or self.layers < 0, self, "layers", "a whole number of 0 or more")


class ReInit(Strategy):
    """Pooler and top layers as BERT itself began: matrices N(0, 0.02²), biases 0, LayerNorm weights 1 (section 5).

    Every run draws its own. What has no pretrained value is left alone: the classifier and RoBERTa's pooler are new in
    every run anyway. The paper chooses 1 to 6 of BERT-large's 24 layers on each data set; its published command has 5.
    It trains 3 epochs with bias correction (section 4), which is the recipe here; batch size, rate and decay are the
    model's, as in every strategy that is compared with it. Beside a strategy that holds on to pretrained values, those
    stay the pretrained ones for the layers that begin anew, too.
    """

    description = "re-initialised pooler and top layers, 3 epochs, bias correction"
    reference = "Zhang et al. (2021), section 5"
    recipe = {"epochs": 3.0, "bias_correction": True}
    Options = ReInitOptions

    def unsupported(self, architecture: Architecture, options: ReInitOptions) -> str | None:
        """Layers that share their weights have no top ones."""
        if architecture.shares_layers:
            return "its layers share their weights, so that there are no top layers to begin anew"
        return None

    def initialise(self, weights: Tensors, state: Tensors, ctx: Context) -> None:
        """Draw the new values."""
        highest_kept = ctx.architecture.layers - ctx.options.layers
        for name in ctx.pretrained:
            facts, tensor = ctx.facts[name], weights[name]
            if facts.depth <= max(highest_kept, 0):
                continue
            if facts.linear_weight:
                tensor.copy_(ctx.normal(name, tensor.shape[1:]) * INITIAL_STD)
            else:
                tensor.fill_(1.0 if name.endswith(".weight") else 0.0)
