"""BEMA (Block and Zhang, 2025): an average of the weights that does not lag behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from stabbench.models.kernel import passes
from stabbench.strategies.contract import Context, Strategy, Tensors, Weights, refuse_if

AVERAGE, START = "bema/average/", "bema/start/"


@dataclass(frozen=True)
class BiasCorrectedAverageOptions:
    """`ema_power` is κ, `bias_power` η, `lag` ρ, `multiplier` γ; `update_after`, τ, the updates before the first."""

    ema_power: float = 0.5
    bias_power: float = 0.2
    lag: float = 10.0
    multiplier: float = 1.0
    update_after: int = 0

    def __post_init__(self) -> None:
        for name in ("ema_power", "bias_power", "multiplier"):
            refuse_if(not 0 <= getattr(self, name) < float("inf"), self, name, "a number of 0 or more")
        refuse_if(not 1 <= self.lag < float("inf"), self, "lag", "a number of 1 or more")
        wrong = self.update_after != int(self.update_after) or self.update_after < 0
        refuse_if(wrong, self, "update_after", "a whole number of 0 or more")


class BiasCorrectedAverage(Strategy):
    """What is scored is α_t·(w_t − w_τ) + EMA_t, with EMA_t = (1 − β_t)·EMA_{t−1} + β_t·w_t from EMA_τ = w_τ on.

    α_t = (ρ + γ·t)^(−η) and β_t = (ρ + γ·t)^(−κ), t the number of updates; w_τ are the weights after τ updates, by
    default the initial ones; until then the weights themselves are scored. κ, η, ρ, γ and τ are those of TRL's
    `BEMACallback`, which averages once in 400 updates only (φ). Here it does so after each, φ = 1: a fine-tuning of 36
    to 1,260 updates would have three such averages at most, or none. Training itself is untouched. Word embeddings
    that no text uses are averaged like all others: they decay. 3 epochs with bias correction.
    """

    description = "Moving average of the weights, corrected for its lag (BEMA), 3 epochs, bias correction"
    reference = "Block and Zhang (2025)"
    recipe = {"epochs": 3.0, "bias_correction": True}
    Options = BiasCorrectedAverageOptions

    def initialise(self, weights: Tensors, state: Tensors, ctx: Context) -> None:
        """Average and start are the initial weights, where no update is waited for."""
        if ctx.options.update_after == 0:
            _begin(weights, state)

    def after_update(self, weights: Tensors, state: Tensors, ctx: Context) -> None:
        """Move the average towards the new weights, or begin it with them."""
        updates, begins = ctx.step + 1, ctx.options.update_after
        if updates <= begins:
            if updates == begins:
                _begin(weights, state)
            return
        share = _power(updates, ctx.options.ema_power, ctx)
        averages = [state[AVERAGE + name] for name in weights]
        if passes.move_towards(averages, list(weights.values()), share):
            return
        for average, weight in zip(averages, weights.values(), strict=True):
            average.lerp_(weight, share)

    def scored_weights(self, weights: Weights, state: Mapping[str, Tensor], ctx: Context) -> Weights:
        """The average, and its correction by the way gone so far."""
        if ctx.step <= ctx.options.update_after or not weights:
            return weights
        share = _power(ctx.step, ctx.options.bias_power, ctx)
        return {
            name: state[AVERAGE + name] + share * (weight - state[START + name]) for name, weight in weights.items()
        }

    def unused_rows(self, kept: Sequence[float], ctx: Context) -> float:
        """The same of what decay leaves."""
        after = [1.0, *kept]
        begins: int = ctx.options.update_after
        if len(kept) <= begins:
            return after[-1]
        average = after[begins]
        for updates in range(begins + 1, len(after)):
            average += _power(updates, ctx.options.ema_power, ctx) * (after[updates] - average)
        return average + _power(len(kept), ctx.options.bias_power, ctx) * (after[-1] - after[begins])


def _begin(weights: Weights, state: Tensors) -> None:
    for name, weight in weights.items():
        state[AVERAGE + name], state[START + name] = weight.detach().clone(), weight.detach().clone()


def _power(updates: int, power: float, ctx: Context) -> float:
    """(ρ + γ·t)^(−power) after so many updates."""
    return float((ctx.options.lag + ctx.options.multiplier * updates) ** -power)
