"""What a training starts from, as arrays and tensors; and what it leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from torch import Tensor

from stabbench import metrics
from stabbench.metrics.contract import Metric
from stabbench.models import families
from stabbench.models.architecture import Architecture
from stabbench.models.batch import TokenizedTexts
from stabbench.models.vocabulary import VocabularyCut
from stabbench.recipe import Recipe
from stabbench.strategies.contract import Strategy
from stabbench.tasks import objectives
from stabbench.tasks.objectives.contract import Objective, Trivial
from stabbench.training.basis import Basis
from stabbench.training.operations import training_operations
from stabbench.training.schedule import Schedule


@dataclass(frozen=True)
class TrainingInputs:
    """Shared by all runs of a cell.

    `pretrained` holds the encoder's tensors by Hugging Face name without run axis; `trivial` is what can be scored on
    dev without a look at the texts.
    """

    architecture: Architecture
    pretrained: Mapping[str, Tensor]
    train: TokenizedTexts
    dev: TokenizedTexts
    metrics: tuple[str, ...]
    trivial: Trivial
    recipe: Recipe
    strategies: tuple[tuple[Strategy, Any], ...]
    """The plugins with their options, in the order in which they apply."""
    objective: Objective = field(default_factory=objectives.find)
    own_metrics: Mapping[str, Metric] = field(default_factory=dict)
    """Those of `metrics` that are not installed."""

    @cached_property
    def scorers(self) -> Mapping[str, Metric]:
        """The metrics themselves, in their order."""
        return {name: self.own_metrics.get(name) or metrics.find(name) for name in self.metrics}

    @property
    def basis(self) -> Basis:
        """What its runs are judged by."""
        lengths = self.train.lengths.astype(float)
        mean_of_squares = float((lengths**2).sum() / lengths.sum())
        return Basis(
            metrics=self.metrics,
            kinds={name: metric.kind for name, metric in self.scorers.items()},
            objective=self.objective,
            trivial=self.trivial,
            train_labels=self.train.labels,
            dev_labels=self.dev.labels,
            dev_examples=self.dev.examples,
            schedule=Schedule.of(self.recipe, len(self.train)),
            operations=lambda tokens, examples: training_operations(
                self.architecture, tokens, tokens * mean_of_squares, examples
            ),
        )

    def vocabulary_cut(self) -> VocabularyCut | None:
        """The word pieces to train on where not all of the table is needed."""
        cuts = families.of(self.architecture).capabilities.cuts_vocabulary
        if not cuts or any(strategy.needs_whole_vocabulary for strategy, _ in self.strategies):
            return None
        return VocabularyCut.of((self.train, self.dev))


Seeds = Sequence[Mapping[str, int]]
"""For each run the seed of every stream: `head`, `order`, `dropout`, `strategy`."""
