"""LP-FT (Kumar et al., 2022): linear probing, then fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass

from stabbench.recipe import Recipe
from stabbench.strategies.contract import Context, Strategy, refuse_if


@dataclass(frozen=True)
class LinearProbingOptions:
    """`probing_epochs`: how long the head alone is trained."""

    probing_epochs: float = 1.0

    def __post_init__(self) -> None:
        refuse_if(self.probing_epochs < 0, self, "probing_epochs", "a number of 0 or more")


class LinearProbingFineTuning(Strategy):
    """The head alone on the frozen encoder for the first epoch, then everything for the rest.

    The head is what has no pretrained value: BERT's and ALBERT's classifier, RoBERTa's dense layer and classifier.
    What is frozen neither decays nor counts in the clipped norm, and its moments and bias correction begin when it is
    set free, as with an optimizer of its own. Dropout stays on in both stages. There is one learning-rate schedule for
    the whole of training, the recipe's; the paper has one a stage and tunes both rates. 3 epochs (1 + 2) with bias
    correction.
    """

    description = "Head alone on the frozen encoder for 1 epoch, then everything for 2, bias correction"
    reference = "Kumar et al. (2022)"
    recipe = {"epochs": 3.0, "bias_correction": True}
    Options = LinearProbingOptions

    def caution(self, recipe: Recipe, options: LinearProbingOptions) -> str | None:
        """Where the second stage never comes."""
        if recipe.total_steps is not None or recipe.epochs > options.probing_epochs:
            return None
        return (
            f"the head alone is trained for {options.probing_epochs:g} epochs, and the recipe has {recipe.epochs:g}: "
            "the encoder stays as it was pretrained"
        )

    def scale(self, name: str, ctx: Context) -> tuple[float, float]:
        """Pretrained tensors are frozen while the head is trained alone."""
        probing = ctx.step < round(ctx.options.probing_epochs * ctx.steps_per_epoch)
        return (0.0, 0.0) if probing and name in ctx.pretrained else (1.0, 1.0)
