"""Per-point stability: how often runs of one cell disagree about the same example (paper, appendix 7.1)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from stabbench.records import SelectedCell
from stabbench.records.content import UNJUDGED
from stabbench.task_facts import TaskFacts

RESAMPLES = 2_000
_AT_ONCE = 100

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Outcomes(ABC):
    """What the runs of a cell make of each dev example at their last step."""

    examples: npt.NDArray[Any]
    """Row numbers in the source, or whatever names an example there, shape `(examples,)`."""
    labels: npt.NDArray[Any]
    """Shape `(examples,)`."""
    successful: npt.NDArray[np.bool_]
    """Shape `(runs,)`; none where it is not known which failed."""
    judged: bool
    """Whether that is known of all runs."""

    @abstractmethod
    def answers(self) -> Sequence[npt.NDArray[Any]] | None:
        """What each run predicts, `(examples,)`, as metrics take it; None where only what is right is known."""

    def coded_labels(self) -> npt.NDArray[Any]:
        """The labels as metrics take them, beside `answers`."""
        return self.labels


@dataclass(frozen=True)
class Correctness(Outcomes):
    """Which dev examples they get right."""

    correct: npt.NDArray[np.bool_]
    """Shape `(runs, examples)`; a diverged run predicts dev's most frequent label."""
    predicted: npt.NDArray[Any] | None = None
    """What they predict, shape `(runs, examples)`, where that is known."""
    mean_column: ClassVar[str] = "correct"
    """What `by_example` calls the mean of `shown` over runs."""

    def answers(self) -> Sequence[npt.NDArray[Any]] | None:
        """Classes as whole numbers: those with names in the order of these."""
        if self.predicted is None:
            return None
        return list(self.predicted if self._numbered else np.searchsorted(self._classes, self.predicted))

    def coded_labels(self) -> npt.NDArray[Any]:
        """Of the same classes."""
        return self.labels if self._numbered else np.searchsorted(self._classes, self.labels)

    @property
    def _numbered(self) -> bool:
        return self.predicted is not None and {self.labels.dtype.kind, self.predicted.dtype.kind} <= set("iub")

    @cached_property
    def _classes(self) -> npt.NDArray[Any]:
        return np.unique([*self.labels.ravel(), *(() if self.predicted is None else self.predicted.ravel())])

    @property
    def shown(self) -> npt.NDArray[np.bool_]:
        """What a table gives the mean of."""
        return self.correct

    @property
    def values(self) -> npt.NDArray[np.bool_]:
        """What varies over runs."""
        return self.correct


@dataclass(frozen=True)
class PredictedNumbers(Outcomes):
    """The numbers that they predict, of a regression."""

    predictions: Floats
    """Shape `(runs, examples)`, in the unit of the labels; a diverged run predicts the mean of dev's labels."""
    mean_column: ClassVar[str] = "prediction"

    def answers(self) -> Sequence[npt.NDArray[Any]]:
        """The numbers."""
        return list(self.predictions)

    @property
    def shown(self) -> Floats:
        """What a table gives the mean of."""
        return self.predictions

    @property
    def values(self) -> Floats:
        """What varies over runs: predictions over the std (over n) of dev's labels, so that variances are shares of
        these labels' variance. NaN where the labels are all the same.
        """
        std = float(self.labels.std())
        return self.predictions / std if std > 0 else np.full_like(self.predictions, math.nan)

    def r2(self) -> Floats:
        """R² of each run, shape `(runs,)`."""
        errors = (self.values - self.labels / (float(self.labels.std()) or math.nan)) ** 2
        return np.asarray(1 - errors.mean(axis=1))


def outcomes(selected: SelectedCell) -> Correctness | PredictedNumbers | None:
    """The finished runs of a cell in the order of its seeds; None where there is none, or one left no predictions."""
    records = list(selected.records.values())
    if not records or any("predictions.parquet" not in record.files for record in records):
        return None
    names = ["example", "label", "prediction"]
    tables = [record.columns("predictions.parquet", names) for record in records]
    examples, labels = tables[0]["example"].astype(np.int64), tables[0]["label"]
    judged = all(record.status != UNJUDGED for record in records)
    successful = np.array([judged and record.status == "ok" for record in records])
    if not _are_classes(selected.cell.task_facts, labels):
        predictions = np.stack([table["prediction"].astype(np.float64) for table in tables])
        return PredictedNumbers(examples, labels.astype(np.float64), successful, judged, predictions)
    predicted = np.stack([table["prediction"].astype(np.int64) for table in tables])
    labels = labels.astype(np.int64)
    return Correctness(examples, labels, successful, judged, predicted == labels, predicted)


def probabilities(selected: SelectedCell) -> list[Floats] | None:
    """What the finished runs of a cell give each class, `(examples, classes)` each; None where one left no logits."""
    found = []
    for record in selected.records.values():
        table = record.predictions()
        if "logits" not in table:
            return None
        logits = np.stack(table["logits"].to_list()).astype(np.float64)
        if not np.isfinite(logits).all():
            return None
        found.append(np.asarray(special.softmax(logits, axis=1), dtype=np.float64))
    return found


def _are_classes(facts: TaskFacts, labels: npt.NDArray[Any]) -> bool:
    """Whether labels are classes: those with names are, and whole numbers of which nobody knows what they are."""
    return bool(facts.label_names) or (facts.objective is None and labels.dtype.kind in "iub")


def variances(values: npt.NDArray[Any]) -> Floats:
    """Each example's variance over runs (ddof 1) of `values`, shape `(runs, examples)`; shape `(examples,)`.

    Of whether it is right that is p(1 − p)·n/(n − 1), between 0 and n/(4(n − 1)). NaN under two runs.
    """
    runs = len(values)
    if runs < 2:
        return np.full(values.shape[1], math.nan)
    if values.dtype != np.bool_:
        return np.asarray(values.var(axis=0, ddof=1), dtype=np.float64)
    share = values.mean(axis=0)
    return np.asarray(share * (1 - share) * runs / (runs - 1), dtype=np.float64)


@dataclass(frozen=True)
class PerPointStability:
    """E over examples of Var over runs of an example's correctness (appendix 7.1); NaN under two runs.

    Of a regression it is the variance of its prediction, over that of dev's labels.
    """

    runs: int
    value: float
    low: float
    high: float
    """95 % bootstrap interval over the examples, the runs held fixed."""
    accuracy_variance: float
    """Var over runs of the accuracy (ddof 1): the paper's own measure of stability, for comparison. NaN of numbers."""


def per_point_stability(
    values: npt.NDArray[Any], random: np.random.Generator, resamples: int = RESAMPLES
) -> PerPointStability:
    """Of `Outcomes.values`, shape `(runs, examples)`; the examples are drawn anew with `random` for the interval."""
    runs = len(values)
    if runs < 2:
        return PerPointStability(runs, math.nan, math.nan, math.nan, math.nan)
    found = variances(values)
    means = np.concatenate(
        [
            random.choice(found, size=(min(_AT_ONCE, resamples - start), found.size)).mean(axis=1)
            for start in range(0, resamples, _AT_ONCE)
        ]
    )
    low, high = np.quantile(means, [0.025, 0.975])
    accuracy = float(values.mean(axis=1).var(ddof=1)) if values.dtype == np.bool_ else math.nan
    return PerPointStability(runs, float(found.mean()), float(low), float(high), accuracy)


def by_example(found: Correctness | PredictedNumbers) -> pd.DataFrame:
    """A row an example: its row number, label, and mean outcome and variance over all and over successful runs.

    The mean, `correct` or `prediction`, is the share of runs that have it right, or of what they predict. All over no
    runs is NaN.
    """
    table = pd.DataFrame({"example": found.examples, "label": found.labels})
    for name, chosen in (("", slice(None)), ("_successful", found.successful)):
        shown = found.shown[chosen]
        table[f"{found.mean_column}{name}"] = shown.mean(axis=0) if len(shown) else math.nan
        table[f"variance{name}"] = variances(found.values[chosen])
    return table


def least_stable(table: pd.DataFrame, count: int, over: str = "variance") -> pd.DataFrame:
    """The `count` rows of `by_example` with the largest variance above 0, by example where they tie."""
    unstable = table[table[over] > 0]
    return unstable.sort_values([over, "example"], ascending=[False, True], kind="stable").head(count)
