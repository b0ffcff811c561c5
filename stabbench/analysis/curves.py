"""Learning curves of a cell: mean and std over its successful and over its failed runs (paper, Fig. 14)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stabbench.analysis.frame import FAILED as FAILED_STATUSES
from stabbench.analysis.spread import Array
from stabbench.records import SelectedCell
from stabbench.records.content import UNJUDGED

POINTS = 60
SUCCESSFUL, FAILED = "successful", "failed"
OUTCOMES = {SUCCESSFUL: ("ok",), FAILED: FAILED_STATUSES, UNJUDGED: (UNJUDGED,)}
"""The statuses of the runs of each outcome."""


@dataclass(frozen=True)
class Curve:
    """Mean ± std over runs at each step; all arrays have shape `(points,)`."""

    step: Array
    mean: Array
    std: Array
    """ddof 1; 0 where one run only is left."""


@dataclass(frozen=True)
class LearningCurves:
    """Curves of the runs of one outcome (of `OUTCOMES`) in one cell; without points where nobody knows them."""

    outcome: str
    runs: int
    train_loss: Curve
    """Averaged over windows of `window` updates; the step is the window's last."""
    window: int
    dev_score: Curve
    """Headline metric on dev at every evaluation, a fraction."""

    @property
    def known(self) -> bool:
        """Whether there is a point to draw."""
        return bool(self.train_loss.step.size or self.dev_score.step.size)


def learning_curves(selected: SelectedCell, points: int = POINTS) -> list[LearningCurves]:
    """The curves of a cell's runs of each outcome; one without runs is left out.

    A diverged run counts among the failed ones up to the step where it diverged.
    """
    found = [curves_of(selected, outcome, points) for outcome in OUTCOMES]
    return [curves for curves in found if curves is not None]


def curves_of(selected: SelectedCell, outcome: str, points: int) -> LearningCurves | None:
    """The curves of a cell's runs of one outcome, the loss at about `points` steps; None without such runs."""
    metric = selected.cell.task_facts.metric
    records = [record for record in selected.records.values() if record.status in OUTCOMES[outcome]]
    if not records:
        return None
    score = f"dev_{metric}"
    histories = [record.columns("history.parquet", ["step", "train_loss", score]) for record in records]
    total = max(record.result.total_steps for record in records)
    window = max(1, -(-total // points))
    losses = [_windowed(history["step"], history["train_loss"], window) for history in histories]
    if total == 0:  # nobody knows after how many updates the scores are
        losses, histories = [], []
    scores = [(history["step"], history[score]) for history in histories]
    return LearningCurves(outcome, len(records), _curve(losses), window, _curve(scores))


def _windowed(step: Array, loss: Array, window: int) -> tuple[Array, Array]:
    """The last step of each window and the mean over its finite losses, NaN where there is none."""
    if not len(step):
        return step, loss
    ends = np.minimum(-(-step // window) * window, step[-1])
    starts = np.flatnonzero(np.diff(ends, prepend=-1))
    finite = np.isfinite(loss)
    counts = np.add.reduceat(finite, starts, dtype=np.float64)
    sums = np.add.reduceat(np.where(finite, loss, 0.0), starts)
    return ends[starts], np.divide(sums, counts, out=np.full(len(starts), np.nan), where=counts > 0)


def _curve(runs: Sequence[tuple[Array, Array]]) -> Curve:
    """Over runs, each given by its steps and values; steps without a value in any run are left out."""
    if not runs:
        return Curve(np.empty(0), np.empty(0), np.empty(0))
    steps = np.unique(np.concatenate([step for step, _ in runs]))
    values = np.full((len(steps), len(runs)), np.nan)
    for column, (step, value) in enumerate(runs):
        values[np.searchsorted(steps, step), column] = value
    known = ~np.isnan(values).all(axis=1)
    steps, values = steps[known], values[known]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a step that one run alone has reached
        std = np.nan_to_num(np.nanstd(values, axis=1, ddof=1)) if values.size else np.empty(0)
    mean = np.nanmean(values, axis=1) if values.size else np.empty(0)
    return Curve(steps.astype(np.float64), mean, std)
