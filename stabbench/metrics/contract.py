"""The contract of a metric: how runs are scored by it, and what is to be known of a score."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

LARGEST = 1e70
"""The largest size of a score or loss.

Statistics take its fourth power (a kurtosis), which has to be far enough from the largest double, 1.8e308, to be summed
over runs; nothing that was learned comes near it, so a run beyond it diverged."""


@dataclass(frozen=True)
class MetricKind:
    """A metric's direction and range, in fractions where it is one."""

    lower: bool = False
    """Whether the lower score is the better one."""
    lowest: float = -1.0
    highest: float = 1.0
    trivial: float | None = None
    """What any constant prediction scores by the metric's definition; None where that hangs on the data."""
    counted: bool = False
    """Whether a score is a share of the examples: a multiple of one over their number."""
    known: bool = True
    """Whether the name says so; else it is an assumption."""

    def no_better(self, score: float, other: float) -> bool:
        """Whether a score is as good as another one, or worse."""
        return score >= other if self.lower else score <= other

    @property
    def width(self) -> float:
        """How far apart two scores can be."""
        return self.highest - self.lowest

    @property
    def fraction(self) -> bool:
        """Whether a score is a share or a correlation, which tables print × 100; a loss is printed as it stands."""
        return math.isfinite(self.highest)


class Metric(ABC):
    """A metric that runs can be scored by, known by its entry point in `stabbench.metrics`."""

    objective: ClassVar[str] = "classification"
    """Whose labels and predictions it scores."""
    takes: ClassVar[Literal["predictions", "probabilities"]] = "predictions"
    """What it scores: what is predicted, `(n,)`, or the probability of each class, `(n, C)`."""
    kind: ClassVar[MetricKind]
    """Direction and range."""
    words: ClassVar[str]
    """What it is called in tables and figures."""

    @abstractmethod
    def score(self, labels: Any, predictions: Any) -> float:
        """Of n labels and what the metric `takes` of them; a fraction where its kind is one.

        ValueError for rows that do not fit. What is not defined for a constant prediction, such as a correlation, is
        what the metric's kind says of constants.
        """
