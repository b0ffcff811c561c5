"""Shares of the variance of each crossed factor, and the scores by its levels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stabbench.analysis.scoring import Scoring
from stabbench.analysis.variance_components import FACTORS, VarianceShares
from stabbench.report.figures.boxes import draw_majority, draw_points, jitter, legend_handles
from stabbench.report.figures.drawing import PAGE_WIDTH, axes_of, new_figure
from stabbench.report.figures.palette import INK, MUTED, Color
from stabbench.report.shown import Shown

_APART = 0.14


def shares_figure(shares: VarianceShares, names: Mapping[str, str]) -> Figure:
    """First-order and total shares of the factors, and the share of all interactions, as dots with 95 % intervals."""
    figure = new_figure(PAGE_WIDTH * 0.75, 2.4)
    axes = axes_of(figure, 1, 1)[0][0]
    rows = [*(names[factor] for factor in FACTORS), "all interactions"]
    first_order = np.append(shares.first_order, shares.interactions)
    first_order_interval = np.vstack([shares.first_order_interval, shares.interactions_interval])
    kinds = (
        ("on its own", first_order, first_order_interval, -_APART, "o", INK),
        ("total, with its interactions", shares.total, shares.total_interval, _APART, "D", MUTED),
    )
    for label, values, intervals, shift, marker, color in kinds:
        places = np.arange(len(values)) + shift
        axes.hlines(places, 100 * intervals[:, 0], 100 * intervals[:, 1], color=color, linewidth=1.6)
        axes.plot(100 * values, places, marker=marker, linestyle="", color=color, markersize=5, label=label)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(-2, 102)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("share of the scores' variance (%), with 95 % intervals")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def levels_figure(runs: pd.DataFrame, names: Mapping[str, str], color: Color, scoring: Scoring) -> Figure:
    """Every run's score above its level, a panel a factor; a line is the level's mean, a cross a failed run.

    `runs` is a frame with the level of each factor in a column of its name.
    """
    figure = new_figure(PAGE_WIDTH, 2.5)
    panels = axes_of(figure, 1, len(FACTORS), sharey=True)[0]
    shown = Shown.of(scoring, str(runs["metric"].iloc[0]))
    scores, failed = shown.factor * runs["score"].to_numpy(dtype=np.float64), runs["failed"].to_numpy(dtype=bool)
    for axes, factor in zip(panels, FACTORS, strict=True):
        levels = runs[factor].to_numpy(dtype=np.int64)
        across = levels + jitter(runs["seed"].to_numpy(dtype=np.int64))
        draw_points(axes, across, scores, failed, color)
        for level in np.unique(levels):
            mean = float(scores[levels == level].mean())
            axes.hlines(mean, level - 0.36, level + 0.36, color=INK, linewidth=1.6, zorder=5)
        draw_majority(axes, float(runs["majority"].iloc[0]), scale=shown.factor)
        axes.set_xticks(np.unique(levels))
        axes.grid(visible=False, axis="x")
        axes.set_title(names[factor])
        axes.set_xlabel("seed of the factor")
    panels[0].set_ylabel(f"dev {shown.label}")
    figure.legend(handles=legend_handles(scoring.constant), loc="outside lower right", ncols=2)
    return figure
