"""BitFit (Ben Zaken et al., 2022): biases and the new layers are trained, everything else stays as pretrained."""

from __future__ import annotations

from dataclasses import dataclass

from stabbench import Context, Strategy


@dataclass(frozen=True)
class BitFitOptions:
    """`layer_norms`: whether their scales are trained too."""

    layer_norms: bool = False


class BitFit(Strategy):
    """Rate and decay are 0 for all but biases and what has no pretrained value."""

    description = "biases and head only, 3 epochs, bias correction"
    reference = "Ben Zaken et al. (2022)"
    recipe = {"epochs": 3.0, "bias_correction": True}
    Options = BitFitOptions

    def scale(self, name: str, ctx: Context) -> tuple[float, float]:
        """(1, 1) for what is trained, (0, 0) for what is frozen."""
        scale_of_norm = ctx.options.layer_norms and ctx.facts[name].kind == "layer_norm"
        trained = name.endswith(".bias") or name not in ctx.pretrained or scale_of_norm
        return (1.0, 1.0) if trained else (0.0, 0.0)
