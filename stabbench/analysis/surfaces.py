"""What a loss surface says in numbers: the barrier between two models, and the slope around each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

RADIUS = 0.25
FLAT = 0.01
"""In the unit of the loss; a line that rises by less has no barrier to speak of."""


@dataclass(frozen=True)
class Barrier:
    """The highest loss on a straight line; `height` is what it has over the higher of the two ends."""

    t: float
    loss: float
    height: float

    @property
    def flat(self) -> bool:
        """Whether the loss never rises to speak of."""
        return self.height < FLAT


def barrier(line: pd.DataFrame) -> Barrier | None:
    """The barrier on a line with columns `t` (0 … 1) and `loss`; None where a loss is not finite."""
    losses = line["loss"].to_numpy(dtype=np.float64)
    if not np.isfinite(losses).all():
        return None
    top = int(losses.argmax())
    return Barrier(float(line["t"].iloc[top]), float(losses[top]), float(losses[top] - max(losses[0], losses[-1])))


def neighbourhood(surface: pd.DataFrame, alpha: float, beta: float, column: str, radius: float) -> tuple[int, float]:
    """How many points of `surface` (columns `alpha`, `beta`) within `radius` of (alpha, beta); `column`'s median."""
    near = np.hypot(surface["alpha"] - alpha, surface["beta"] - beta) <= radius
    values = surface.loc[near, column].dropna()
    return len(values), float(values.median()) if len(values) else math.nan


def norms_around(surface: pd.DataFrame, points: pd.DataFrame) -> dict[str, tuple[int, float]]:
    """Of each named row of `points` (`alpha`, `beta`) how many points of `surface` are near, and their median norm."""
    radius = radius_of(surface)
    return {
        str(name): neighbourhood(surface, float(row["alpha"]), float(row["beta"]), "gradient_norm", radius)
        for name, row in points.iterrows()
    }


def radius_of(surface: pd.DataFrame) -> float:
    """`RADIUS`, or one and a half times the distance of neighbouring points where these are far apart."""
    axis = np.unique(surface["alpha"].to_numpy(dtype=np.float64))
    return max(RADIUS, 1.5 * float(np.diff(axis).max()))
