"""A number for each text: squared error, the number itself, and what the best constants score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stabbench.metrics.contract import Metric
from stabbench.tasks.objectives.contract import Array, Objective, Trivial

if TYPE_CHECKING:
    from torch import Tensor

COLLAPSED_SPREAD = 0.01
"""Std of the predictions, in that of the training labels."""
COLLAPSED_LOSS = 0.95
"""Of the trivial loss."""
LARGEST = 1e15
"""Of labels. Outputs, and predictions in the labels' unit, are of single precision, which ends at 3.4e38: the squares
of millions of errors twice as large still have a sum there."""
PERCENTILES = 100
"""Steps between the constants that are tried for a metric of anybody's."""


@dataclass(frozen=True)
class Regression(Objective):
    """A number for each text: the one output, trained by the squared error, as Hugging Face's heads of one label are.

    Labels are numbers. The model is trained on (label - mean) / std; predictions are in the labels' own unit.
    """

    mean: float = 0.0
    std: float = 1.0

    name = "regression"
    label_type = np.float64
    metrics = ("pearson", "spearman", "r2", "rmse")

    def settings(self) -> Mapping[str, float]:
        """Mean and std, where the labels are scaled."""
        return {} if (self.mean, self.std) == (0.0, 1.0) else {"mean": self.mean, "std": self.std}

    def fitted(self, labels: Array, scale: bool) -> Objective:
        """With the mean and the std (over n) of the training labels; ValueError where these are all the same."""
        if not scale:
            return self
        if not labels.std() > 0:
            raise ValueError("all training labels are the same, and cannot be scaled")
        return Regression(float(labels.mean()), float(labels.std()))

    def outputs(self, label_names: Sequence[str]) -> int:
        """One."""
        return 1

    def check(self, labels: Array, label_names: Sequence[str]) -> None:
        """ValueError where a label is not a finite number."""
        if not np.isfinite(labels).all():
            raise ValueError("a label is not a finite number")

    @property
    def largest(self) -> float:
        """`LARGEST`, whether labels are scaled or not."""
        return LARGEST

    def losses(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """The squared error, in the unit that the model is trained in."""
        found: Tensor = (outputs.squeeze(-1) - ((labels - self.mean) / self.std).to(outputs.dtype)).square()
        return found

    def divergences(self, outputs: Tensor, others: Tensor) -> Tensor:
        """The squared difference, as SMART has it for regression (Jiang et al., 2020, section 3.1)."""
        found: Tensor = (outputs - others).squeeze(-1).square()
        return found

    def predictions(self, outputs: Array) -> Array:
        """The output, in the unit of the labels."""
        return np.asarray(outputs[..., 0] * self.std + self.mean)

    def trivial(self, labels: Array, metrics: Mapping[str, Metric], label_names: Sequence[str]) -> Trivial:
        """The best of the labels' mean, median, middle of the range and percentiles; of equals the first of these.

        No constant has a smaller squared error than the mean, absolute error than the median, or largest error than
        the middle; the percentiles are for anybody's metric.
        """
        middle = (labels.min() + labels.max()) / 2
        grid = np.quantile(labels, np.linspace(0, 1, PERCENTILES + 1))
        constants = [float(value) for value in (labels.mean(), np.median(labels), middle, *grid)]
        scores: dict[str, float] = {}
        best: dict[str, float] = {}
        for name, metric in metrics.items():
            found = {constant: metric.score(labels, np.full(len(labels), constant)) for constant in constants}
            better = min if metric.kind.lower else max
            best[name] = better(constants, key=found.__getitem__)
            scores[name] = found[best[name]]
        return Trivial(constants[0], scores, best)

    def trivial_loss(self, labels: Array) -> float:
        """The variance of the labels (over n), in the unit that the model is trained in."""
        return float(labels.var() / self.std**2)

    def collapsed(self, predictions: Array, loss: float | None, trivial_loss: float) -> bool:
        """The predictions hardly differ, or the loss is hardly below the trivial one."""
        spread = predictions.std() / self.std
        alike = not spread > COLLAPSED_SPREAD * np.sqrt(trivial_loss)
        return bool(alike or (loss is not None and loss >= COLLAPSED_LOSS * trivial_loss))

    def shares(self, labels: Array, label_names: Sequence[str]) -> list[float]:
        """None: a number has no share."""
        return []
