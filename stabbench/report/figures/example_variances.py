"""How the variance of an example's correctness is spread over the dev set: a step curve a strategy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stabbench.report.figures.drawing import COLUMN_WIDTH, axes_of, legend_above, new_figure
from stabbench.report.figures.palette import Color

PANELS = {"all runs": "variance", "successful runs": "variance_successful"}
"""Columns of the tables by title."""


def variance_figure(tables: Mapping[str, pd.DataFrame], colors: Mapping[str, Color]) -> tuple[Figure, pd.DataFrame]:
    """Of `by_example` tables by strategy: the share of examples with at most so much variance.

    Beside the figure a table of what it shows.
    """
    figure = new_figure(COLUMN_WIDTH, 4.3)
    rows = axes_of(figure, 2, 1, sharex=True, sharey=True)
    parts = []
    for (axes,), (title, column) in zip(rows, PANELS.items(), strict=True):
        for strategy, table in tables.items():
            steps = _steps(100 * table[column].dropna().to_numpy(np.float64))
            _draw(axes, steps, colors[strategy], strategy)
            parts.append(steps.assign(over=title, strategy=strategy))
        axes.set_title(title)
        axes.set_ylabel("share of dev examples (%)")
        axes.set_ylim(0, 102)
    rows[1][0].set_xlabel("variance of correctness over runs (× 100)")
    legend_above(figure, rows[0][0])
    return figure, pd.concat(parts, ignore_index=True)[["over", "strategy", "variance", "share"]]


def _steps(values: np.ndarray) -> pd.DataFrame:
    """The share of values (%) that are at most each of them."""
    variances, counts = np.unique(np.round(values, 6), return_counts=True)
    return pd.DataFrame({"variance": variances, "share": 100 * np.cumsum(counts) / max(1, values.size)})


def _draw(axes: Axes, steps: pd.DataFrame, color: Color, label: str) -> None:
    if steps.empty:
        return
    across, up = [steps["variance"].iloc[0], *steps["variance"]], [0, *steps["share"]]
    axes.step(across, up, where="post", color=color, linewidth=1.4, label=label)
