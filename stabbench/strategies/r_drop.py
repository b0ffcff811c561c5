"""R-Drop (Wu et al., 2021): two dropout masks must not lead to two predictions."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from stabbench.models.batch import Batch
from stabbench.recipe import Recipe
from stabbench.strategies.contract import BoundModel, Context, Strategy, Weights, refuse_if


@dataclass(frozen=True)
class RDropOptions:
    """`weight`, α: the factor of the divergence in the paper's loss."""

    weight: float = 1.0

    def __post_init__(self) -> None:
        refuse_if(not 0 <= self.weight < float("inf"), self, "weight", "a number of 0 or more")


class RDrop(Strategy):
    """½·(CE₁ + CE₂) + α/4·[KL(P₁‖P₂) + KL(P₂‖P₁)], P₁ and P₂ under two dropout masks.

    That is half of the paper's L = CE₁ + CE₂ + α/2·[KL(P₁‖P₂) + KL(P₂‖P₁)] (section 2), with its α: without the
    divergence it is as large as the recipe's loss, so that clipping and Adam's ε mean what they mean there. Where the
    authors' README halves the cross-entropies alone, its α is half of this one. Both terms are means over a batch's
    examples, and the gradient goes through both predictions. The paper chooses α for each task; 1 is a common value. In
    regression, for which the paper has no formula, the squared difference of the two outputs stands for the sum of
    both divergences.
    3 epochs with bias correction.
    """

    description = "Divergence between predictions under two dropout masks, 3 epochs, bias correction"
    reference = "Wu et al. (2021)"
    recipe = {"epochs": 3.0, "bias_correction": True}
    Options = RDropOptions

    def caution(self, recipe: Recipe, options: RDropOptions) -> str | None:
        """Where there is no dropout."""
        if recipe.one_dropout != 0:
            return None
        return "dropout is 0, so that both predictions are the same and nothing is added to the loss"

    def graphs(self, options: RDropOptions) -> int:
        """Both forward passes."""
        return 2

    def loss(self, model: BoundModel, weights: Weights, batch: Batch, ctx: Context) -> Tensor:
        """Of the forward passes call 0 and call 1."""
        first, second = model(batch), model(batch, call=1)
        weight: float = ctx.options.weight
        losses = ctx.objective.loss(first, batch.labels) + ctx.objective.loss(second, batch.labels)
        divergence = ctx.objective.divergences(first, second).mean(dim=1)
        return (losses + weight / 2 * divergence) / 2
