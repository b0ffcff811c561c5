"""Adam and AdamW (Kingma and Ba, 2015; Loshchilov and Hutter, 2019) as the recipe's own fields say them."""

from __future__ import annotations

from torch import Tensor

from stabbench.recipe import correction_and_root
from stabbench.training.optimizers.contract import Optimizer, State, TensorContext, zeros


class AdamW(Optimizer):
    """AdamW with decoupled weight decay, after the step by the paper's formula and before it by torch's.

    What a recipe's `optimizer: adamw` trains by is `stabbench.training.adamw`, the same numbers in one fused pass; this
    is it for a single tensor, of which other optimizers make use for tensors that they leave to it.
    """

    description = "AdamW, as the paper writes it or as torch has it (adam_formula)"
    reference = "Loshchilov and Hutter (2019)"
    reads_adam_fields = True
    rows_are_apart = True

    def start(self, weight: Tensor, ctx: TensorContext) -> dict[str, Tensor]:
        """Both moments."""
        return zeros(weight, "first", "second")

    def update(self, weight: Tensor, gradient: Tensor, state: State, ctx: TensorContext) -> None:
        """A step of Adam and the decay."""
        if ctx.recipe.adam_formula == "torch":
            weight.mul_(1 - ctx.rate * ctx.decay)
        adam_step(weight, gradient, state, ctx)
        if ctx.recipe.adam_formula == "paper":
            weight.mul_(1 - ctx.rate * ctx.decay)


class Adam(AdamW):
    """Adam with L2 regularisation: the decay is part of the gradient, as in `torch.optim.Adam`."""

    description = "Adam with L2 regularisation: weight decay in the gradient"
    reference = "Kingma and Ba (2015)"
    rows_are_apart = False

    def update(self, weight: Tensor, gradient: Tensor, state: State, ctx: TensorContext) -> None:
        """A step of Adam by the gradient of loss and decay; the clipped norm is that of the loss alone."""
        adam_step(weight, gradient.add(weight, alpha=ctx.decay), state, ctx)


def adam_step(weight: Tensor, gradient: Tensor, state: State, ctx: TensorContext) -> None:
    """Both moments, and the step with the recipe's correction and place of ε."""
    recipe = ctx.recipe
    correction, root = correction_and_root(recipe, ctx.count)
    state["first"].lerp_(gradient, 1 - recipe.adam_beta1)
    state["second"].mul_(recipe.beta2).addcmul_(gradient, gradient, value=1 - recipe.beta2)
    denominator = state["second"].sqrt().mul_(root).add_(recipe.adam_epsilon)
    weight.addcdiv_(state["first"], denominator, value=-ctx.rate * correction)
