"""Fig. 8: dev score of successful runs over epochs, and final dev score of all runs against their training loss."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stabbench.analysis.curves import SUCCESSFUL
from stabbench.analysis.frame import finished
from stabbench.analysis.place import Place
from stabbench.report.content import Content
from stabbench.report.figures.distribution import metric_label
from stabbench.report.figures.drawing import COLUMN_WIDTH, axes_of, legend_above, logarithmic, new_figure
from stabbench.report.figures.palette import INK, MUTED, Color, strategy_colors
from stabbench.report.figures.training_curves import draw_band


def generalisation_figure(content: Content, place: Place, threshold: float) -> tuple[Figure, pd.DataFrame]:
    """Curves above, points below, failed runs as crosses; a dotted line at the loss `threshold` (nats).

    Beside the figure a table of what it shows.
    """
    figure = new_figure(COLUMN_WIDTH, 5.0)
    upper, lower = (row[0] for row in axes_of(figure, 2, 1))
    runs = finished(content.runs)
    runs = runs[(runs["model"] == place.model) & (runs["task"] == place.task) & runs["train_loss_final"].gt(0)]
    colors = strategy_colors(content.strategies)
    parts = []
    for item in content.cells(place):
        strategy, color = item.cell.strategy, colors[item.cell.strategy]
        for curves in content.curves[Place.of(item.cell)]:
            if curves.outcome == SUCCESSFUL:
                epoch = next(iter(item.records.values())).result.steps_per_epoch
                draw_band(upper, curves.dev_score, color, label=f"{strategy} ({curves.runs})", scale=100, unit=epoch)
                curve = curves.dev_score
                mean = pd.DataFrame({"panel": "curves", "strategy": strategy, "epochs": curve.step / epoch})
                parts.append(mean.assign(runs=curves.runs, score=curve.mean, std=curve.std))
        _points(lower, runs[runs["strategy"] == strategy], color, strategy)
    row = content.rows(place).iloc[0]
    for axes in (upper, lower):
        majority = 100 * float(row["majority"])
        axes.axhline(
            majority, color=INK, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1, label="best constant classifier"
        )
        axes.set_ylabel(f"dev {metric_label(str(row['metric']))}")
    upper.set_xlabel("epochs (successful runs)")
    upper.margins(x=0.02)
    upper.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(runs):
        lower.axvline(threshold, color=MUTED, linewidth=0.9, linestyle=":", zorder=1)
        logarithmic(lower, "x")
    lower.set_xlabel("final training loss (nats, log scale; all runs)")
    legend_above(figure, upper)
    points = runs[["strategy", "seed", "status", "score", "train_loss_final"]].assign(panel="runs")
    columns = ["panel", "strategy", "runs", "epochs", "seed", "status", "train_loss_final", "score", "std"]
    return figure, pd.concat([*parts, points], ignore_index=True).reindex(columns=columns)


def _points(axes: Axes, runs: pd.DataFrame, color: Color, label: str) -> None:
    failed = runs["failed"].to_numpy(dtype=bool)
    loss, score = runs["train_loss_final"].to_numpy(np.float64), 100 * runs["score"].to_numpy(np.float64)
    axes.scatter(loss[~failed], score[~failed], s=10, color=color, alpha=0.85, linewidths=0, zorder=3, label=label)
    axes.scatter(loss[failed], score[failed], s=16, color=color, marker="x", linewidths=1.0, zorder=4)
