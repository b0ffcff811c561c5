"""The scores of somebody's table: in fractions, in their metric's range, and what is done where a run has none."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from stabbench.analysis.results_columns import TRUE, Bools, Columns, Flags, Floats
from stabbench.metrics.contract import LARGEST, MetricKind
from stabbench.metrics.kinds import metric_kind

NAN = ("error", "failed", "missing")
"""What a run without a score may be taken for."""
_NO_SCORE = (
    "a number. Where runs have none, say what they are: --nan failed counts each as a failed run, with what a "
    "constant prediction scores (its correlation is NaN, as is the loss of a run that diverged), --nan missing as "
    "planned and not finished; or mark those that failed in a column failed or status"
)
_TOO_LARGE = (
    f"a number of at most {LARGEST:g}, as statistics take its fourth power. A run with such a score diverged: mark it "
    "in a column status (diverged) or failed (true), or say --nan failed (nan=…)"
)
_MANY = 0.1
"""Share of the scores from which on those between 0 and 1 are no accident among larger ones."""
NO_BASELINE = (
    "a number, or what a constant prediction scores on its task, with which a failed run counts: --majority "
    "TASK=VALUE or a column majority"
)


class Scores:
    """The numbers of a table's columns `score`, `accuracy` and `majority`, whose unit is a hundredth with `percent`."""

    def __init__(
        self, columns: Columns, metrics: pd.Series, lower: Collection[str], higher: Collection[str], percent: bool
    ) -> None:
        """`metrics` is each row's metric, a category; of `lower` and `higher` somebody says which way is better."""
        self.columns = columns
        self.unit = 100.0 if percent else 1.0
        self.kinds: Mapping[str, MetricKind] = {
            str(name): metric_kind(str(name), lower, higher) for name in metrics.cat.categories
        }
        self._codes = metrics.cat.codes.to_numpy()

    def read(self, failed: Bools, missing: Bools, nan: str) -> tuple[Floats, Bools, Bools]:
        """The scores `(rows,)`, NaN where a run has none; which of the others failed and which are missing.

        One beyond LARGEST is none.

        Runs known to have `failed` or to be `missing` need none; `nan` is what the rest without one are.
        """
        scores = self.columns.numbers("score")
        self._check_unit(scores)
        without = ~(np.abs(scores) <= LARGEST) & ~missing  # nor is NaN a score
        rest = without & ~failed
        huge = rest & np.isfinite(scores)
        if huge.any() and nan == "error":
            raise self.columns.faults(huge, "score", _TOO_LARGE)
        if rest.any() and nan == "error":
            infinite = not np.isnan(scores[rest]).any()
            raise self.columns.faults(rest, "score", _NO_SCORE.replace("a number", "a finite number", int(infinite)))
        if nan == "missing":
            missing, without = missing | rest, without & failed
        if (without | missing).any():
            scores = np.where(without | missing, np.nan, scores)
        return self._in_range("score", scores, self.kinds), without, missing

    def _check_unit(self, scores: Floats) -> None:
        """UserError where whole cells look like fractions beside others that are per cent."""
        if self.unit == 1:
            return
        shares = np.array([kind.fraction and not kind.lower for kind in self.kinds.values()])[self._codes]
        small = shares & (scores > 0) & (scores <= 1)
        if not small.any() or not (shares & (scores > 1)).any():
            return
        names = [name for name in ("model", "task", "strategy") if name in self.columns]
        cell = self.columns.table.groupby(names, sort=False, observed=True).ngroup()
        seen = pd.Series(small | ~np.isfinite(scores)).groupby(cell)
        whole = (seen.transform("all") & (pd.Series(small).groupby(cell).transform("sum") > 1)).to_numpy(dtype=bool)
        if whole.any():
            raise self.columns.faults(
                whole & small,
                "score",
                "per cent like other cells' scores: these look like fractions. Put all scores into one unit; where "
                "they are right as they are, divide all by 100 and leave --percent (percent=True) out",
            )

    def majority(self) -> Floats | float:
        """The column `majority`, in each row's own metric; NaN where there is none."""
        if "majority" not in self.columns:
            return math.nan
        return self._in_range("majority", self._finite("majority"), self.kinds)

    def accuracy(self) -> Floats | float:
        """The column `accuracy`; NaN where there is none."""
        if "accuracy" not in self.columns:
            return math.nan
        return self._in_range("accuracy", self._finite("accuracy"), dict.fromkeys(self.kinds, metric_kind("accuracy")))

    def _finite(self, name: str) -> Floats:
        numbers = self.columns.numbers(name)
        wrong = np.abs(numbers) > LARGEST
        if wrong.any():
            raise self.columns.faults(wrong, name, f"a number of at most {LARGEST:g}")
        return numbers

    def _in_range(self, name: str, numbers: Floats, kinds: Mapping[str, MetricKind]) -> Floats:
        for kind in dict.fromkeys(kinds.values()):
            unit = self.unit if kind.fraction else 1.0
            wrong = (numbers < kind.lowest * unit) | (numbers > kind.highest * unit)
            if len(set(kinds.values())) > 1:
                wrong &= np.array([other == kind for other in kinds.values()])[self._codes]
            if wrong.any():
                mixed = unit == 1 and name == "score" and np.mean((numbers > 0) & (numbers <= 1)) > _MANY
                unnamed = name == "score" and not kind.known
                hint = "; the other scores look like fractions: put all into one unit" if mixed else ""
                raise self.columns.faults(wrong, name, _range(kind, unit, self._losses(kind) if unnamed else "") + hint)
        fractions = [kind.fraction for kind in kinds.values()]
        if self.unit == 1 or not any(fractions):
            return numbers
        return numbers / (self.unit if all(fractions) else np.where(fractions, self.unit, 1.0)[self._codes])

    def _losses(self, kind: MetricKind) -> str:
        named = [name for name, other in self.kinds.items() if other == kind]
        if "metric" in self.columns:
            return f"; if the lower is better, with any range: --lower-is-better {named[0]} (lower_is_better=…)"
        return "; if they are losses, name the metric (a column metric, or --columns score=eval_loss)"


def known_failed(columns: Columns, status: pd.Series | None, diverged: Flags) -> Bools:
    """The runs that a column says have failed: shape `(rows,)`."""
    failed = diverged == TRUE
    if status is not None:
        failed |= status.isin(["failed", "diverged"]).to_numpy()
    if "failed" in columns:
        failed |= columns.flags("failed") == TRUE
    return np.asarray(failed)


def _range(kind: MetricKind, unit: float, otherwise: str) -> str:
    ends = f"at most {kind.highest * unit:g}"
    if math.isfinite(kind.lowest):
        ends = f"from {kind.lowest * unit:g} to {kind.highest * unit:g}"
    if unit > 1:
        return f"per cent, {ends}"
    return f"a fraction, {ends}: if the scores are per cent, say so with --percent (percent=True){otherwise}"
