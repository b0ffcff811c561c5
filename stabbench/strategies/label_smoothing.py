"""Label smoothing (Szegedy et al., 2016): the target is not one class alone, but a little of all of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from stabbench.errors import UserError
from stabbench.models.architecture import Architecture
from stabbench.models.batch import Batch
from stabbench.strategies.contract import BoundModel, Context, Strategy, Tensors, Weights, refuse_if

NUMBERS = "label smoothing spreads a label over several classes, and a task of numbers has none"


@dataclass(frozen=True)
class LabelSmoothingOptions:
    """`epsilon`, ε: the share of the target that is spread evenly over all classes."""

    epsilon: float = 0.1

    def __post_init__(self) -> None:
        refuse_if(not 0 <= self.epsilon < 1, self, "epsilon", "a number from 0 to below 1")


class LabelSmoothing(Strategy):
    """Cross-entropy against (1 − ε)·[k = y] + ε/K, of K classes: (1 − ε)·CE + ε·(mean over k of −log p_k).

    That is section 7 of Szegedy et al. with its ε = 0.1 and a uniform u(k), as in Müller et al. and in
    `torch.nn.functional.cross_entropy(label_smoothing=…)`: the right class's share is 1 − ε + ε/K. The training loss
    in the record is this one, which no prediction brings to 0; the dev loss stays the plain cross-entropy. There is
    nothing to smooth in a number: tasks of regression are refused. 3 epochs with bias correction.
    """

    description = "Cross-entropy against smoothed labels, 3 epochs, bias correction"
    reference = "Szegedy et al. (2016); Müller et al. (2019)"
    recipe = {"epochs": 3.0, "bias_correction": True}
    Options = LabelSmoothingOptions
    loss_of_logits = True

    def unsupported(self, architecture: Architecture, options: LabelSmoothingOptions) -> str | None:
        """One output is that of a regression."""
        return NUMBERS if architecture.labels < 2 else None

    def initialise(self, weights: Tensors, state: Tensors, ctx: Context) -> None:
        """UserError for an objective with several outputs that are no classes."""
        if ctx.objective.name != "classification":
            raise UserError(f"objective '{ctx.objective.name}': {NUMBERS}; use it on tasks of classification")

    def loss(self, model: BoundModel, weights: Weights, batch: Batch, ctx: Context) -> Tensor:
        """Of one forward pass."""
        epsilon: float = ctx.options.epsilon
        logits = model(batch)
        spread = -F.log_softmax(logits, dim=-1).mean(dim=(1, 2))
        return (1 - epsilon) * ctx.objective.loss(logits, batch.labels) + epsilon * spread
