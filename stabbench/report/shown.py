"""How the scores of a metric are printed and drawn: × 100 where they are shares or correlations, else as they stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stabbench.analysis.scoring import Scoring
from stabbench.metrics.contract import MetricKind
from stabbench.report.numbers import decimals_of, score_text, some


@dataclass(frozen=True)
class Shown:
    """A metric for tables and figures."""

    metric: str
    name: str
    """What it is called there."""
    kind: MetricKind
    decimals: int = 0
    """Digits after the point that scores of no fraction have at the least; of huge ones, below 0, before it."""

    @classmethod
    def of(cls, scoring: Scoring, metric: str, stds: Iterable[float] = (), largest: float = 0.0) -> Shown:
        """As the tasks say; with the digits that tell these standard deviations of scores up to `largest` apart."""
        return cls(metric, scoring.name(metric), scoring.kind(metric), decimals_of(stds, largest))

    @classmethod
    def of_cells(cls, scoring: Scoring, cells: pd.DataFrame) -> Shown:
        """The same of the rows of `analysis.stability` of one metric."""
        largest = float(cells[["min", "max"]].abs().fillna(0).to_numpy(dtype=np.float64).max())
        return cls.of(scoring, str(cells["metric"].iloc[0]), cells["std"].dropna(), largest)

    @property
    def factor(self) -> float:
        """What scores are drawn times."""
        return 100.0 if self.kind.fraction else 1.0

    @property
    def best(self) -> str:
        """The column of `analysis.stability` that holds the best run."""
        return "min" if self.kind.lower else "max"

    def text(self, score: float) -> str:
        """A score or a std as tables print it."""
        return score_text(score, self.kind, self.decimals)

    @property
    def label(self) -> str:
        """The metric with its unit and direction, as an axis has it."""
        unit = " (× 100)" if self.kind.fraction else ""
        name = "accuracy (%)" if self.metric == "accuracy" else f"{self.name}{unit}"
        return f"{name}, lower is better" if self.kind.lower else name

    @property
    def narrow_label(self) -> str:
        """The same for a low panel: the direction on a line of its own."""
        return self.label.replace(", lower", "\nlower") if len(self.label) > LOW_PANEL else self.label


LOW_PANEL = 24
"""Characters that stand beside a panel of two inches."""
HUNDREDTHS = "× 100"
"""The unit of tables all of whose metrics are shares or correlations."""


def unit_words(shown: Sequence[Shown]) -> str:
    """In which unit a table of these metrics is: `× 100`, `as they stand`, or `× 100; RMSE as it stands`."""
    whole = list(dict.fromkeys(item.name for item in shown if not item.kind.fraction))
    if not whole:
        return HUNDREDTHS
    if all(not item.kind.fraction for item in shown):
        return "as they stand"
    stand = "it stands" if len(whole) == 1 else "they stand"
    return f"{HUNDREDTHS}; {some(whole, 3)} as {stand}"
