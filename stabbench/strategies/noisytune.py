"""NoisyTune (Wu et al., 2022): a little noise on the pretrained weights before they are fine-tuned."""

from __future__ import annotations

from dataclasses import dataclass

from stabbench.strategies.contract import Context, Strategy, Tensors, refuse_if


@dataclass(frozen=True)
class NoisyTuneOptions:
    """`intensity` is λ, the width of the noise in standard deviations of the tensor."""

    intensity: float = 0.15

    def __post_init__(self) -> None:
        refuse_if(self.intensity < 0, self, "intensity", "a number of 0 or more")


class NoisyTune(Strategy):
    """W ← W + U(−λ/2, λ/2)·std(W), once, for every tensor with a pretrained value, biases and LayerNorms too.

    The standard deviation is that of all elements of the tensor (n − 1 in the denominator, as in the authors' code),
    for the word embeddings of the whole vocabulary. New tensors are random already and are left out. The paper changes
    nothing else of fine-tuning; here: 3 epochs with bias correction.
    """

    description = "Uniform noise on the pretrained weights before training, 3 epochs, bias correction"
    reference = "Wu et al. (2022)"
    recipe = {"epochs": 3.0, "bias_correction": True}
    Options = NoisyTuneOptions
    needs_whole_vocabulary = True

    def initialise(self, weights: Tensors, state: Tensors, ctx: Context) -> None:
        """Add the noise."""
        for name in ctx.pretrained:
            weight = weights[name]
            deviation = weight.flatten(1).std(dim=1).view(-1, *[1] * (weight.dim() - 1))
            weight.add_((ctx.uniform(name, weight.shape[1:]) - 0.5) * ctx.options.intensity * deviation)
