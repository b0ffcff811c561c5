"""R3F (Aghajanyan et al., 2021): predictions must not change under a little noise on the token embeddings."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from stabbench.models.batch import Batch
from stabbench.strategies.contract import BoundModel, Context, Strategy, Weights, refuse_if


@dataclass(frozen=True)
class R3FOptions:
    """`epsilon` bounds the noise on each embedding's elements; `weight` is λ, the factor of the divergence."""

    epsilon: float = 1e-5
    weight: float = 1.0

    def __post_init__(self) -> None:
        refuse_if(self.epsilon <= 0, self, "epsilon", "a positive number")
        refuse_if(self.weight < 0, self, "weight", "a number of 0 or more")


class R3F(Strategy):
    """CE(f(x), y) + λ·[KL(f(x+z)‖f(x)) + KL(f(x)‖f(x+z))], z ~ U(−ε, ε) on the word embeddings.

    The divergence is the mean over a batch's examples, its gradient goes through both predictions and into the
    embeddings of both, as the equation has it. As in the authors' code, both forward passes are training passes with
    dropout masks of their own: at so small an ε the divergence is mostly that between the masks, unless `dropout` is 0.
    The paper tunes rate and number of updates by task, on RoBERTa-large; here: 3 epochs with bias correction.
    """

    description = "Divergence from predictions on noisy embeddings (uniform), 3 epochs, bias correction"
    reference = "Aghajanyan et al. (2021)"
    recipe = {"epochs": 3.0, "bias_correction": True}
    Options = R3FOptions

    def graphs(self, options: R3FOptions) -> int:
        """The clean forward pass and the noisy one."""
        return 2

    def loss(self, model: BoundModel, weights: Weights, batch: Batch, ctx: Context) -> Tensor:
        """Cross-entropy of the clean forward pass (call 0) and the divergence of the noisy one (call 1) from it."""
        options: R3FOptions = ctx.options
        embeddings = model.embed(batch)
        noise = ctx.uniform_by_token("noise", batch, embeddings.shape[-1]).mul_(2).sub_(1).mul_(options.epsilon)
        logits = model(batch)
        divergence = ctx.objective.divergences(logits, model(batch, embeddings + noise, call=1))
        return ctx.objective.loss(logits, batch.labels) + options.weight * divergence.mean(dim=1)
