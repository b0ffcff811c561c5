"""EMA: what is evaluated and kept is an exponential moving average of the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from stabbench.models.kernel import passes
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

    def initialise(self, weights: Tensors, state: Tensors, ctx: Context) -> None:
        """The average begins at the initial weights."""
        for name, weight in weights.items():
            state[PREFIX + name] = weight.detach().clone()

    def after_update(self, weights: Tensors, state: Tensors, ctx: Context) -> None:
        """Move the average towards the new weights."""
        share = _new_share(ctx.step + 1, ctx)
        averages = [state[PREFIX + name] for name in weights]
        if passes.move_towards(averages, list(weights.values()), share):
            return
        for average, weight in zip(averages, weights.values(), strict=True):
            average.lerp_(weight, share)

    def scored_weights(self, weights: Weights, state: Mapping[str, Tensor], ctx: Context) -> Weights:
        """The average."""
        return {name: state[PREFIX + name] for name in weights}

    def unused_rows(self, kept: Sequence[float], ctx: Context) -> float:
        """The same average of what decay leaves."""
        average = 1.0
        for updates, left in enumerate(kept, start=1):
            average += _new_share(updates, ctx) * (left - average)
        return average


def _new_share(updates: int, ctx: Context) -> float:
    """1 − d at this update, counted from 1."""
    return float(1 - min(ctx.options.decay, (1 + updates) / (10 + updates)))
