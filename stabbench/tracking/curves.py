"""Training curves thinned to what a chart can show, as MLflow stores a row for every point."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

POINTS = 50
"""Most points of a curve, the first and the last among them."""

SMOOTH_POINTS = 20
"""Most points of the learning rate, which is drawn by few."""


class Point(NamedTuple):
    """One value of a curve."""

    key: str
    step: int
    value: float


def curves(history: pd.DataFrame) -> list[Point]:
    """The curves of a run's history: `train/…` for what every update has, `dev/…` for evaluations.

    Evenly spaced among the steps that have a finite value; each curve comes last step first, for MLflow's
    database keeps the latest value of a metric and is spared an update a point that way.
    """
    points: list[Point] = []
    steps = history["step"].to_numpy(dtype=np.int64)
    for column in history.columns:
        key = _key(str(column))
        if key is None:
            continue
        values = history[column].to_numpy(dtype=np.float64, na_value=np.nan)
        present = np.flatnonzero(np.isfinite(values))
        most = SMOOTH_POINTS if column == "learning_rate" else POINTS
        points += [Point(key, int(steps[row]), float(values[row])) for row in thinned(present, most)[::-1]]
    return points


def thinned(rows: np.ndarray, most: int) -> np.ndarray:
    """At most `most` of the rows, evenly spaced, with the first and the last."""
    if len(rows) <= most:
        return rows
    return rows[np.unique(np.linspace(0, len(rows) - 1, most).round().astype(np.int64))]


def _key(column: str) -> str | None:
    if column in ("learning_rate", "gradient_norm"):
        return f"train/{column}"
    if column == "train_loss":
        return "train/loss"
    return f"dev/{column.removeprefix('dev_')}" if column.startswith("dev_") else None
