"""The contract of an objective: what a model's outputs are for, from the loss to what is reported of the labels.

What runs in training takes and gives tensors and imports torch when it is called; the rest is NumPy's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from stabbench import metrics
from stabbench.errors import UserError
from stabbench.metrics.contract import Metric

if TYPE_CHECKING:
    from torch import Tensor

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Trivial:
    """What can be scored on some labels without a look at the texts: a run that scores no more failed."""

    prediction: int
    """The one constant that a run which broke down counts as having predicted."""
    scores: Mapping[str, float]
    """For each metric what the constant scores that is best in it."""
    predictions: Mapping[str, int]
    """That constant."""


class Objective(ABC):
    """Of S runs side by side, B examples and C outputs."""

    name: ClassVar[str]
    """That of its entry point in `stabbench.objectives`."""

    @abstractmethod
    def outputs(self, label_names: Sequence[str]) -> int:
        """C, for a task whose labels have these names."""

    @abstractmethod
    def check(self, labels: Array, label_names: Sequence[str]) -> None:
        """ValueError where a label is none."""

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

    def score(self, metric: str, labels: ArrayLike, predictions: ArrayLike) -> float:
        """A metric's value; UserError as `metric` raises it, ValueError for rows that do not fit each other."""
        return self.metric(metric).score(labels, predictions)

    def metric(self, name: str) -> Metric:
        """One that a task may name; UserError for an unknown one, or one that cannot judge these runs."""
        found = metrics.find(name)
        if found.objective != self.name:
            raise UserError(f"metric '{name}' is of {found.objective}, expected one of {self.name}")
        if found.kind.lower:
            raise UserError(f"metric '{name}': the lower is the better, runs are judged by scores that are to be high")
        return found

    @abstractmethod
    def trivial(self, labels: Array, metrics: Sequence[str]) -> Trivial:
        """The best constants on these labels."""

    @abstractmethod
    def trivial_loss(self, labels: Array) -> float:
        """The mean loss of the best constant outputs."""

    @abstractmethod
    def collapsed(self, predictions: Array, loss: float | None, trivial_loss: float) -> bool:
        """Whether a run says the same of everything, or has learned nothing; `loss` is that of its last epoch."""

    @abstractmethod
    def shares(self, labels: Array, label_names: Sequence[str]) -> list[float]:
        """How the labels are distributed, for tables."""
