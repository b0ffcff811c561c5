"""The contract of an objective: what a model's outputs are for, from the loss to what is reported of the labels.

What runs in training takes and gives tensors and imports torch when it is called; the rest is NumPy's.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from stabbench.errors import UserError
from stabbench.metrics.contract import Metric

if TYPE_CHECKING:
    from torch import Tensor

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Trivial:
    """What can be scored on some labels without a look at the texts: a run that scores no more failed."""

    prediction: float
    """The one constant that a run which broke down counts as having predicted."""
    scores: Mapping[str, float]
    """For each metric what the constant scores that is best in it."""
    predictions: Mapping[str, float]
    """That constant."""


class Objective(ABC):
    """Of S runs side by side, B examples and C outputs."""

    name: ClassVar[str]
    """That of its entry point in `stabbench.objectives`."""
    label_type: ClassVar[type[np.int64] | type[np.float64]] = np.int64
    """Of a label in tables: an index into the labels' names, or a number."""
    metrics: ClassVar[tuple[str, ...]]
    """Those of a task that names none, the headline one first."""

    def settings(self) -> Mapping[str, float]:
        """What it is made with, as `objectives.find(name, **settings)`; part of what a task is."""
        return {}

    def fitted(self, labels: Array, scale: bool) -> Objective:
        """The objective for these training labels, where asked for with what it is trained on brought to one scale.

        ValueError where there is nothing to scale.
        """
        if scale:
            raise ValueError(f"the labels of {self.name} have no scale: leave `scale` out")
        return self

    @abstractmethod
    def outputs(self, label_names: Sequence[str]) -> int:
        """C, for a task whose labels have these names."""

    @abstractmethod
    def check(self, labels: Array, label_names: Sequence[str]) -> None:
        """ValueError where a label is none."""

    @property
    def largest(self) -> float:
        """The largest absolute value of a label that can be trained on and scored."""
        return math.inf

    @abstractmethod
    def losses(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """`(S, B, C)` and `(S, B)` to the loss of each example `(S, B)`; differentiable."""

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """The mean loss of each run, `(S,)`."""
        return self.losses(outputs, labels).mean(dim=1)

    @abstractmethod
    def divergences(self, outputs: Tensor, others: Tensor) -> Tensor:
        """How far two predictions of the same examples are apart, symmetrically: `(S, B, C)` twice to `(S, B)`."""

    @abstractmethod
    def predictions(self, outputs: Array) -> Array:
        """`(…, C)` to what is predicted, `(…)`."""

    def probabilities(self, outputs: Array) -> Array:
        """`(…, C)` to the probability of each class, `(…, C)`; ValueError where there are none."""
        raise ValueError(f"the outputs of {self.name} are no probabilities")

    def score(self, metric: Metric, labels: ArrayLike, outputs: Array) -> float:
        """A metric's value for outputs `(B, C)`; ValueError for rows that do not fit each other."""
        return metric.score(
            labels, self.predictions(outputs) if metric.takes == "predictions" else self.probabilities(outputs)
        )

    def check_metric(self, name: str, metric: Metric) -> None:
        """UserError where a metric is of another objective."""
        if metric.objective != self.name:
            raise UserError(f"metric '{name}' is of {metric.objective}, expected one of {self.name}")

    @abstractmethod
    def trivial(self, labels: Array, metrics: Mapping[str, Metric], label_names: Sequence[str]) -> Trivial:
        """The best constants on these labels, by the metrics' names."""

    @abstractmethod
    def trivial_loss(self, labels: Array) -> float:
        """The mean loss of the best constant outputs."""

    @abstractmethod
    def collapsed(self, predictions: Array, loss: float | None, trivial_loss: float) -> bool:
        """Whether a run says the same of everything, or has learned nothing; `loss` is that of its last epoch."""

    @abstractmethod
    def shares(self, labels: Array, label_names: Sequence[str]) -> list[float]:
        """How the labels are distributed, for tables."""
