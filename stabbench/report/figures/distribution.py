"""Fig. 1: the scores of every seed over a box, a panel a task."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from stabbench.analysis.frame import finished, ordered
from stabbench.report.content import Content
from stabbench.report.figures.drawing import PAGE_WIDTH, axes_of, new_figure
from stabbench.report.figures.palette import INK, Color, strategy_colors
from stabbench.report.numbers import metric_name

PANELS_A_ROW = 3
_GOLDEN = 0.6180339887498949
_JITTER = 0.26
_DASHES = (0, (4, 2))
_LETTER_WIDTH, _LABEL_WIDTH = 0.068, 0.55  # inches: a letter of a name, the vertical axis with its labels


def metric_label(metric: str) -> str:
    """The metric with its unit, as an axis has it."""
    return "accuracy (%)" if metric == "accuracy" else f"{metric_name(metric)} (× 100)"


def stability_figure(content: Content) -> Figure:
    """All tasks of all models, three panels a row."""
    panels = [(model, task) for model in content.models for task in content.tasks(model)]
    columns = min(PANELS_A_ROW, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(PAGE_WIDTH * max(columns, 2) / PANELS_A_ROW, 2.7 * rows)
    grid = [axes for row in axes_of(figure, rows, columns) for axes in row]
    several = len(content.models) > 1
    for axes, (model, task) in zip(grid, panels, strict=False):
        draw_distribution(axes, content, model, task, width=figure.get_figwidth() / columns)
        axes.set_title(f"{model}: {task}" if several else task)
    for axes in grid[len(panels) :]:
        axes.remove()
    line = Line2D([], [], color=INK, linewidth=0.8, linestyle=_DASHES, label="majority classifier")
    cross = Line2D([], [], color=INK, linestyle="", marker="x", markersize=4, markeredgewidth=1.1, label="failed run")
    figure.legend(handles=[line, cross], loc="outside lower right", ncols=2)
    return figure


def distribution_panel(content: Content, model: str, task: str) -> Figure:
    """One task alone, for the page."""
    names = len(content.rows(model, task))
    figure = new_figure(max(3.3, 0.75 * names), 2.9)
    axes = axes_of(figure, 1, 1)[0][0]
    draw_distribution(axes, content, model, task, width=figure.get_figwidth())
    return figure


def draw_distribution(axes: Axes, content: Content, model: str, task: str, width: float) -> None:
    """Boxes, every seed's point (a cross where the run failed) and the majority classifier's line.

    `width` is the panel's in inches; strategies' names are turned where it is too small for them.
    """
    runs = content.runs[(content.runs["model"] == model) & (content.runs["task"] == task)]
    strategies = ordered(runs["strategy"])
    colors = strategy_colors(content.strategies)
    majority = 100 * float(runs["majority"].iloc[0])
    axes.axhline(majority, color=INK, linewidth=0.8, linestyle=_DASHES, zorder=1)
    for place, strategy in enumerate(strategies):
        _draw_cell(axes, place, finished(runs[runs["strategy"] == strategy]), colors[strategy])
    axes.set_xlim(-0.6, len(strategies) - 0.4)
    longest = max(len(name) for name in strategies)
    turned = longest * _LETTER_WIDTH > (width - _LABEL_WIDTH) / len(strategies)
    axes.set_xticks(
        range(len(strategies)),
        strategies,
        rotation=30 if turned else 0,
        ha="right" if turned else "center",
        rotation_mode="anchor" if turned else None,
    )
    axes.tick_params(axis="x", length=0)
    axes.grid(visible=False, axis="x")
    axes.set_ylabel(f"dev {metric_label(str(runs['metric'].iloc[0]))}")


def _draw_cell(axes: Axes, place: int, runs: pd.DataFrame, color: Color) -> None:
    if runs.empty:
        return
    scores = 100 * runs["score"].to_numpy(dtype=np.float64)
    line: Mapping[str, object] = {"color": color, "linewidth": 1.0}
    axes.boxplot(
        scores,
        positions=[place],
        widths=0.62,
        showfliers=False,
        patch_artist=True,
        manage_ticks=False,
        boxprops={"facecolor": color, "alpha": 0.22, "edgecolor": color, "linewidth": 1.0},
        medianprops={"color": color, "linewidth": 1.8},
        whiskerprops=dict(line),
        capprops=dict(line),
        zorder=2,
    )
    failed = runs["failed"].to_numpy(dtype=bool)
    across = place + jitter(runs["seed"].to_numpy(dtype=np.int64))
    axes.scatter(across[~failed], scores[~failed], s=9, color=color, alpha=0.85, linewidths=0, zorder=3)
    axes.scatter(across[failed], scores[failed], s=16, color=color, marker="x", linewidths=1.1, zorder=4)


def jitter(seeds: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Sideways shift of each seed's point in slots, the same for a seed wherever it is drawn: shape of `seeds`."""
    return np.asarray(((seeds * _GOLDEN) % 1.0 - 0.5) * 2 * _JITTER, dtype=np.float64)
