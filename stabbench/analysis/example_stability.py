"""Per-point stability: how often runs of one cell disagree about the same example (paper, appendix 7.1)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from stabbench.records import SelectedCell

RESAMPLES = 2_000
_AT_ONCE = 100

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Correctness:
    """Which runs of a cell get which dev examples right at their last step."""

    examples: npt.NDArray[np.int64]
    """Row numbers in the source, shape `(examples,)`."""
    labels: npt.NDArray[np.int64]
    """Shape `(examples,)`."""
    correct: npt.NDArray[np.bool_]
    """Shape `(runs, examples)`; a diverged run predicts dev's most frequent label."""
    successful: npt.NDArray[np.bool_]
    """Shape `(runs,)`."""


def correctness(selected: SelectedCell) -> Correctness | None:
    """The finished runs of a cell in the order of its seeds; None where there is none."""
    records = list(selected.records.values())
    if not records:
        return None
    names = ["example", "label", "prediction"]
    tables = [record.columns("predictions.parquet", names) for record in records]
    return Correctness(
        examples=tables[0]["example"].astype(np.int64),
        labels=tables[0]["label"].astype(np.int64),
        correct=np.stack([table["prediction"] == table["label"] for table in tables]),
        successful=np.array([record.status == "ok" for record in records]),
    )


def variances(correct: npt.NDArray[np.bool_]) -> Floats:
    """Each example's variance over runs, p(1 − p)·n/(n − 1), of whether it is right; shape `(examples,)`.

    `correct` has shape `(runs, examples)`. NaN under two runs; else between 0 and n/(4(n − 1)).
    """
    runs = len(correct)
    if runs < 2:
        return np.full(correct.shape[1], math.nan)
    share = correct.mean(axis=0)
    return np.asarray(share * (1 - share) * runs / (runs - 1), dtype=np.float64)


@dataclass(frozen=True)
class PerPointStability:
    """E over examples of Var over runs of an example's correctness (appendix 7.1); NaN under two runs."""

    runs: int
    value: float
    low: float
    high: float
    """95 % bootstrap interval over the examples, the runs held fixed."""
    accuracy_variance: float
    """Var over runs of the accuracy (ddof 1): the paper's own measure of stability, for comparison."""


def per_point_stability(
    correct: npt.NDArray[np.bool_], random: np.random.Generator, resamples: int = RESAMPLES
) -> PerPointStability:
    """Of `correct`, shape `(runs, examples)`; the examples are drawn anew with `random` for the interval."""
    runs = len(correct)
    if runs < 2:
        return PerPointStability(runs, math.nan, math.nan, math.nan, math.nan)
    values = variances(correct)
    means = np.concatenate(
        [
            random.choice(values, size=(min(_AT_ONCE, resamples - start), values.size)).mean(axis=1)
            for start in range(0, resamples, _AT_ONCE)
        ]
    )
    low, high = np.quantile(means, [0.025, 0.975])
    accuracy = correct.mean(axis=1)
    return PerPointStability(runs, float(values.mean()), float(low), float(high), float(accuracy.var(ddof=1)))


def by_example(found: Correctness) -> pd.DataFrame:
    """A row an example: its row number, label, and share of correct runs and variance over all and successful runs."""
    table = pd.DataFrame({"example": found.examples, "label": found.labels})
    for name, correct in (("", found.correct), ("_successful", found.correct[found.successful])):
        table[f"correct{name}"] = correct.mean(axis=0) if len(correct) else math.nan
        table[f"variance{name}"] = variances(correct)
    return table


def least_stable(table: pd.DataFrame, count: int, over: str = "variance") -> pd.DataFrame:
    """The `count` rows of `by_example` with the largest variance above 0, by example where they tie."""
    unstable = table[table[over] > 0]
    return unstable.sort_values([over, "example"], ascending=[False, True], kind="stable").head(count)
