"""BitFit (Ben Zaken et al., 2022) and LN-tuning: the biases alone, or the LayerNorms alone, are trained."""

from __future__ import annotations

from typing import Any

from stabbench.models.architecture import Architecture
from stabbench.strategies.contract import Context, Strategy

FROZEN, TRAINED = (0.0, 0.0), (1.0, 1.0)
RECIPE = {"epochs": 16.0, "learning_rate": 1e-3, "bias_correction": True}
"""Rate and length by default of the authors' script for BitFit, whose published commands have this rate, too."""


class BitFit(Strategy):
    """Only the biases are trained, those of the LayerNorms among them, beside the new head.

    Every tensor with a pretrained value whose name does not end in `.bias` is frozen, the pooler's matrix too; what is
    new (the classifier, RoBERTa's dense layer) is trained whole. A model without biases, as ModernBERT's are by
    default, is refused. The rate is the method's own and goes over the model's: 1e-3 for 16 epochs, the defaults of the
    authors' script, where the paper searches a rate for each task. Batch size, warm-up and schedule are the model's.
    """

    description = "Biases and the new head alone, 16 epochs at 1e-3, bias correction"
    reference = "Ben Zaken et al. (2022)"
    recipe = RECIPE
    scales_are_fixed = True

    def unsupported(self, architecture: Architecture, options: Any) -> str | None:
        """There have to be biases."""
        names = [tensor.name for tensor in architecture.tensors if tensor.origin != "new"]
        return None if any(map(_is_bias, names)) else "it has no biases in its encoder that could be trained"

    def scale(self, name: str, ctx: Context) -> tuple[float, float]:
        """What was pretrained and is no bias is frozen."""
        return FROZEN if name in ctx.pretrained and not _is_bias(name) else TRAINED


class LayerNormTuning(Strategy):
    """Only the weights and biases of the LayerNorms are trained, beside the new head.

    So `ln_tuning` of PEFT has it, with all LayerNorms of the model, those of the embeddings among them; the paper, on
    large generative models, tunes those beside attention. Neither names a rate for an encoder. One for all weights is
    too small for so few of them: here it is BitFit's, 1e-3 for 16 epochs. Everything else with a pretrained value is
    frozen, and what is new is trained whole.
    """

    description = "LayerNorms and the new head alone, 16 epochs at 1e-3, bias correction"
    reference = "Zhao et al. (2023), arXiv 2312.11420"
    recipe = RECIPE
    scales_are_fixed = True

    def scale(self, name: str, ctx: Context) -> tuple[float, float]:
        """What was pretrained and belongs to no LayerNorm is frozen."""
        return FROZEN if name in ctx.pretrained and ctx.facts[name].kind != "layer_norm" else TRAINED


def _is_bias(name: str) -> bool:
    return name.endswith(".bias")
