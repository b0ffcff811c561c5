"""EMA: what is evaluated and kept is an exponential moving average of the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from stabbench.strategies.contract import Context, Strategy, Tensors, Weights, refuse_if

PREFIX = "ema/"


@dataclass(frozen=True)
class ExponentialMovingAverageOptions:
    """`decay` is the largest share of the average that an update keeps."""

    decay: float = 0.999

    def __post_init__(self) -> None:
        refuse_if(not 0 <= self.decay < 1, self, "decay", "a number from 0 to below 1")


class ExponentialMovingAverage(Strategy):
    """a ← d·a + (1−d)·w after every update, d = min(0.999, (1+t)/(10+t)), from the initial weights on.

    t counts the updates, the present one included. Training itself is untouched. Word embeddings that no text uses
    are averaged like all others: they decay. 3 epochs with bias correction.
    """

    description = "Exponential moving average of the weights, 3 epochs, bias correction"
    reference = "Polyak and Juditsky (1992); Izmailov et al. (2018)"
    recipe = {"epochs": 3.0, "bias_correction": True}
    Options = ExponentialMovingAverageOptions
    needs_whole_vocabulary = True

    def initialise(self, weights: Tensors, state: Tensors, ctx: Context) -> None:
        """The average begins at the initial weights."""
        for name, weight in weights.items():
            state[PREFIX + name] = weight.detach().clone()

    def after_update(self, weights: Tensors, state: Tensors, ctx: Context) -> None:
        """Move the average towards the new weights."""
        updates = ctx.step + 1
        decay = min(ctx.options.decay, (1 + updates) / (10 + updates))
        for name, weight in weights.items():
            state[PREFIX + name].lerp_(weight, 1 - decay)

    def scored_weights(self, weights: Weights, state: Mapping[str, Tensor], ctx: Context) -> Weights:
        """The average."""
        return {name: state[PREFIX + name] for name in weights}
