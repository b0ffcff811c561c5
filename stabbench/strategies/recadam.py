"""RecAdam (Chen et al., 2020): Adam that at first recalls the pretrained weights and then lets go of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from stabbench.models.kernel import passes
from stabbench.recipe import Recipe
from stabbench.strategies.contract import Context, Strategy, Tensors, Weights, refuse_if


@dataclass(frozen=True)
class RecAdamOptions:
    """`gamma` is γ; the sigmoid's middle t0 is `middle` · total steps, its slope k is `steepness` / total steps."""

    gamma: float = 5000.0
    middle: float = 0.25
    steepness: float = 40.0

    def __post_init__(self) -> None:
        refuse_if(self.gamma < 0, self, "gamma", "a number of 0 or more")
        refuse_if(not 0 <= self.middle <= 1, self, "middle", "a number from 0 to 1")
        refuse_if(not 0 < self.steepness <= 500, self, "steepness", "a number above 0, 500 at most")


class RecAdam(Strategy):
    """w ← w − lr·s·Adam − lr·(1−s)·γ·(w − w0), s = σ(k·(t − t0)), t the number of the update, from 1.

    For every tensor with a pretrained value w0. New tensors have none: they are trained by AdamW, with s = 1. Weight
    decay, of which the definition has none, is left to those: the pull to w0 is in its place.

    k and t0 are relative to the length of training, so that a short one comes to its task too: by default t0 is a
    quarter of it, and k such that s goes from 0.1 to 0.9 within a ninth of it (k = 0.05 and t0 = 200 at 800 updates,
    the paper's number for RTE and MRPC, which searches k in 0.05 … 1 and t0 in 100 … 1000). γ is the paper's.
    Where lr·γ > 2 the pull alone overshoots w0 by more than it corrects and the weights diverge.
    The recipe, as in the authors' script: 3 epochs, Adam with bias correction.
    """

    description = "Pull to the pretrained weights that fades out (RecAdam), 3 epochs, bias correction"
    reference = "Chen et al. (2020)"
    recipe = {"epochs": 3.0, "bias_correction": True}
    Options = RecAdamOptions
    clips_after_hook = True
    needs_adam = True

    def caution(self, recipe: Recipe, options: RecAdamOptions) -> str | None:
        """Where the pull is unstable."""
        rate, gamma = recipe.learning_rate, options.gamma
        if rate * gamma <= 2:
            return None
        return (
            f"learning rate · gamma is {rate * gamma:g}, above 2: the pull to the pretrained weights overshoots and "
            f"training diverges; use a gamma of at most {2 / rate:g} at the rate {rate:g}"
        )

    def scale(self, name: str, ctx: Context) -> tuple[float, float]:
        """The task's share s of the rate, without decay, where the tensor has a pretrained value."""
        return (task_share(ctx), 0.0) if name in ctx.pretrained else (1.0, 1.0)

    def before_update(self, weights: Weights, gradients: Tensors, state: Tensors, ctx: Context) -> None:
        """The pull, from where the weights are before Adam's step, which depends on them no more."""
        strength = ctx.learning_rate * (1 - task_share(ctx)) * ctx.options.gamma
        known = [weights[name] for name in ctx.pretrained]
        if passes.move_towards(known, list(ctx.pretrained.values()), strength):
            return
        for weight, pretrained in zip(known, ctx.pretrained.values(), strict=True):
            weight.sub_(weight - pretrained, alpha=strength)


def task_share(ctx: Context) -> float:
    """The share s of the new task in the present update."""
    options = ctx.options
    position = (ctx.step + 1) / ctx.total_steps
    return 1 / (1 + math.exp(-options.steepness * (position - options.middle)))
