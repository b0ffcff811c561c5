"""What a training starts from, as arrays and tensors; and what it leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from stabbench import metrics
from stabbench.metrics.contract import Metric
from stabbench.metrics.kinds import metric_kind
from stabbench.models import families
from stabbench.models.architecture import Architecture
from stabbench.models.batch import TokenizedTexts
from stabbench.models.vocabulary import VocabularyCut
from stabbench.plan import Cell
from stabbench.recipe import ADAMW, Recipe
from stabbench.strategies.contract import Strategy
from stabbench.tasks import objectives
from stabbench.tasks.objectives.contract import Objective, Trivial
from stabbench.tasks.prepared import PreparedTask
from stabbench.training import optimizers
from stabbench.training.basis import Basis
from stabbench.training.operations import training_operations
from stabbench.training.optimizers import Chosen
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
    own_optimizer: Chosen | None = None
    """The recipe's, where that is another than AdamW and not found by its name alone."""

    @cached_property
    def optimizer(self) -> Chosen | None:
        """The recipe's optimizer with its options; None for AdamW, which the trainer has itself.

        Raises UserError where there is none of that name, or an option is wrong.
        """
        if self.recipe.optimizer == ADAMW:
            return None
        return self.own_optimizer or optimizers.find(self.recipe.optimizer, self.recipe.optimizer_options)

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
        family = families.of(self.architecture)
        whole = any(strategy.needs_whole_vocabulary for strategy, _ in self.strategies)
        whole |= self.optimizer is not None and not self.optimizer.optimizer.rows_are_apart
        if whole or not family.capabilities.cuts_vocabulary:
            return None
        return VocabularyCut.of((self.train, self.dev), family.fixed_ids(self.architecture))


@dataclass(frozen=True)
class CellFiles:
    """What others' code is given: where the cell's model lies, its texts and labels, and what its plan says.

    `model` is None where the cell has none of ours, and `task` where the code brings its own data.
    """

    cell: Cell
    root: Path
    """The project's folder, absolute."""
    model: Path | None
    task: PreparedTask | None

    @property
    def options(self) -> Mapping[str, Any]:
        """Those of the trainer, as the spec has them."""
        trainer = self.cell.spec.trainer
        return {} if trainer is None else trainer.options

    @property
    def recipe(self) -> Recipe:
        """The cell's recipe; Table 3's values where it has none of its own."""
        return self.cell.known_recipe() or Recipe()

    @property
    def basis(self) -> Basis:
        """What its runs are judged by, as far as it is known before they ran."""
        facts, task = self.cell.task_facts, self.task
        own = {name: metric.kind for name, metric in (facts.own_metrics or {}).items()}
        kinds = {name: own.get(name) or metric_kind(name) for name in self.cell.spec.task.metrics}
        if task is None:
            return Basis(metrics=self.cell.spec.task.metrics, kinds=kinds)
        return Basis(
            metrics=self.cell.spec.task.metrics,
            kinds=kinds,
            objective=task.objective,
            trivial=task.trivial,
            train_labels=task.labels("train"),
            dev_labels=task.labels("dev"),
            dev_examples=task.frame("dev")["example"].to_numpy(dtype=np.int64),
        )


Seeds = Sequence[Mapping[str, int]]
"""For each run the seed of every stream: `head`, `order`, `dropout`, `strategy`."""
