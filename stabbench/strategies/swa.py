"""SWA (Izmailov et al., 2018): what is evaluated and kept is the mean of the weights over the end of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from stabbench.models.kernel import passes
from stabbench.strategies.contract import Context, Strategy, Tensors, Weights, refuse_if

PREFIX = "swa/"


@dataclass(frozen=True)
class StochasticWeightAveragingOptions:
    """`share` of the updates whose weights are averaged, the last ones."""

    share: float = 0.25

    def __post_init__(self) -> None:
        refuse_if(not 0 < self.share <= 1, self, "share", "a number above 0, 1 at most")


class StochasticWeightAveraging(Strategy):
    """The mean of the weights after each of the last 25 % of the updates; before those, the weights themselves.

    Training itself is untouched, its learning rate included, which decays to 0 as in every recipe here; the paper
    averages once an epoch under a constant or cyclical rate. Word embeddings that no text uses are averaged like all
    others: they decay. 3 epochs with bias correction.
    """

    description = "Mean of the weights over the last 25 % of the updates, 3 epochs, bias correction"
    reference = "Izmailov et al. (2018)"
    recipe = {"epochs": 3.0, "bias_correction": True}
    Options = StochasticWeightAveragingOptions

    def after_update(self, weights: Tensors, state: Tensors, ctx: Context) -> None:
        """Take the new weights into the mean where the tail has begun."""
        count = ctx.step + 1 - (ctx.total_steps - _tail(ctx))
        if count < 1:
            return
        if count == 1:
            state.update({PREFIX + name: weight.detach().clone() for name, weight in weights.items()})
            return
        means = [state[PREFIX + name] for name in weights]
        if passes.move_towards(means, list(weights.values()), 1 / count):
            return
        for mean, weight in zip(means, weights.values(), strict=True):
            mean.add_(weight - mean, alpha=1 / count)

    def scored_weights(self, weights: Weights, state: Mapping[str, Tensor], ctx: Context) -> Weights:
        """The mean, where there is one already."""
        return {name: state.get(PREFIX + name, weight) for name, weight in weights.items()}

    def unused_rows(self, kept: Sequence[float], ctx: Context) -> float:
        """The same mean of what decay leaves."""
        averaged = kept[ctx.total_steps - _tail(ctx) :]
        return sum(averaged) / len(averaged) if averaged else super().unused_rows(kept, ctx)


def _tail(ctx: Context) -> int:
    """How many updates are averaged."""
    return max(1, round(float(ctx.options.share) * ctx.total_steps))
