"""Fig. 9, 8 (right) and 5: every setting of learning rate, epochs and bias correction; loss against score."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from stabbench.analysis.frame import finished, ordered
from stabbench.analysis.scoring import Scoring
from stabbench.report.figures.boxes import (
    BOX_WIDTH,
    Box,
    draw_box,
    draw_majority,
    draw_points,
    legend_handles,
    name_slots,
)
from stabbench.report.figures.drawing import PAGE_WIDTH, axes_of, logarithmic, new_figure, panels_of
from stabbench.report.figures.palette import INK, MUTED, Color
from stabbench.report.numbers import epochs_text, exponent
from stabbench.report.shown import Shown

Colors = Callable[[float, bool], Color]
"""The colour of a setting by its epochs and bias correction."""
_PANELS_A_ROW = 3
_PAIRED = 0.38
_MARK = "★"


def ablation_figure(runs: pd.DataFrame, colors: Colors, recommended: Collection[str], scoring: Scoring) -> Figure:
    """A panel for each number of epochs (across) with and without bias correction (down), a box a learning rate.

    `runs` is a frame with the setting's columns; a star stands over the cells named in `recommended`.
    """
    lengths, corrections = list(runs["epochs"].unique()), list(runs["bias_correction"].unique())
    shown = Shown.of(scoring, str(runs["metric"].iloc[0]))
    figure = new_figure(PAGE_WIDTH * max(2, min(3, len(lengths))) / 3, 2.35 * len(corrections))
    grid = axes_of(figure, len(corrections), len(lengths), sharey=True)
    for row, correction in zip(grid, corrections, strict=True):
        for axes, epochs in zip(row, lengths, strict=True):
            chosen = runs[(runs["epochs"] == epochs) & (runs["bias_correction"] == correction)]
            width = figure.get_figwidth() / len(lengths)
            _draw_rates(axes, chosen, colors(epochs, bool(correction)), width, shown.factor)
            axes.set_title(f"{epochs_text(epochs)}, {'' if correction else 'no '}correction")
    _mark(grid, runs, recommended)
    for row in grid:
        row[0].set_ylabel(f"dev {shown.label}")
    for axes in grid[-1]:
        axes.set_xlabel("learning rate")
    star = Line2D([], [], color=INK, linestyle="", marker="*", markersize=8, label="recommended")
    figure.legend(
        handles=[*legend_handles(scoring.constant), *([star] if recommended else [])],
        loc="outside lower right",
        ncols=3,
    )
    return figure


def _draw_rates(axes: Axes, runs: pd.DataFrame, color: Color, width: float, scale: float) -> None:
    rates = list(runs["learning_rate"].unique())
    for place, rate in enumerate(rates):
        draw_box(axes, place, Box.of(finished(runs[runs["learning_rate"] == rate]), scale), color)
    draw_majority(axes, float(runs["majority"].iloc[0]), scale=scale)
    name_slots(axes, [exponent(rate) for rate in rates], width)


def _mark(grid: list[list[Axes]], runs: pd.DataFrame, recommended: Collection[str]) -> None:
    low, high = grid[0][0].get_ylim()
    if recommended:
        grid[0][0].set_ylim(low, high + 0.12 * (high - low))
    lengths, corrections = list(runs["epochs"].unique()), list(runs["bias_correction"].unique())
    rates = list(runs["learning_rate"].unique())
    for _, run in runs[runs["strategy"].isin(recommended)].drop_duplicates("strategy").iterrows():
        axes = grid[corrections.index(run["bias_correction"])][lengths.index(run["epochs"])]
        place = (rates.index(run["learning_rate"]), 0.99)
        transform = axes.get_xaxis_transform()
        axes.text(*place, _MARK, transform=transform, ha="center", va="top", fontsize=11, color=INK)


def correction_figure(runs: pd.DataFrame, colors: Colors, scoring: Scoring) -> Figure:
    """A panel a model: for each learning rate a box without and one with bias correction.

    `runs` is a frame with the setting's columns and one number of epochs.
    """
    models, shown = ordered(runs["model"]), Shown.of(scoring, str(runs["metric"].iloc[0]))
    columns = min(_PANELS_A_ROW, len(models))
    rows = -(-len(models) // columns)
    figure = new_figure(PAGE_WIDTH * max(2, columns) / _PANELS_A_ROW, 0.35 + 2.6 * rows)
    panels = panels_of(figure, len(models), columns)
    epochs = float(runs["epochs"].iloc[0])
    sides = [bool(side) for side in runs["bias_correction"].unique()]
    for axes, model in zip(panels, models, strict=True):
        part = runs[runs["model"] == model]
        rates = list(part["learning_rate"].unique())
        for place, rate in enumerate(rates):
            for number, side in enumerate(sides):
                shift = (number - (len(sides) - 1) / 2) * 1.1 * _PAIRED
                chosen = part[(part["learning_rate"] == rate) & (part["bias_correction"] == side)]
                width = _PAIRED if len(sides) > 1 else BOX_WIDTH
                box = Box.of(finished(chosen), shown.factor)
                draw_box(axes, place + shift, box, colors(epochs, side), width)
        draw_majority(axes, float(part["majority"].iloc[0]), scale=shown.factor)
        name_slots(axes, [exponent(rate) for rate in rates], figure.get_figwidth() / columns)
        axes.set_title(model)
        axes.set_xlabel("learning rate")
    for axes in panels[::columns]:
        axes.set_ylabel(f"dev {shown.label}")
    names = {side: f"{'with' if side else 'without'} bias correction" for side in sides}
    handles = [Patch(facecolor=colors(epochs, side), alpha=0.6, label=names[side]) for side in sides]
    across = 4 if columns == _PANELS_A_ROW else 2  # as many as the width of the panels has room for
    figure.legend(handles=[*handles, *legend_handles(scoring.constant)], loc="outside upper center", ncols=across)
    return figure


def loss_and_score_figure(
    runs: pd.DataFrame, groups: Mapping[str, Color], threshold: float, scoring: Scoring
) -> Figure:
    """The final score on dev against the final training loss, a point a run; a cross is a failed one.

    `runs` is a frame with a finite training loss in every row and a column `group`.
    `groups` maps the groups to their colours, in the legend's order; a dotted line stands at the loss `threshold`.
    """
    figure = new_figure(PAGE_WIDTH * 0.75, 4.0)
    axes = axes_of(figure, 1, 1)[0][0]
    shown = Shown.of(scoring, str(runs["metric"].iloc[0]))
    for group, color in groups.items():
        part = runs[runs["group"] == group]
        loss, score = (part[name].to_numpy(dtype=np.float64) for name in ("train_loss_final", "score"))
        draw_points(axes, loss, shown.factor * score, part["failed"].to_numpy(dtype=bool), color)
    logarithmic(axes, "x")
    axes.axvline(threshold, color=MUTED, linewidth=0.8, linestyle=":")
    draw_majority(axes, float(runs["majority"].iloc[0]), scale=shown.factor)
    axes.set_xlabel(
        f"final training loss ({scoring.objective(str(runs['task'].iloc[0])).measure}, full training set, log scale)"
    )
    axes.set_ylabel(f"dev {shown.label}")
    handles = [
        Line2D([], [], color=color, marker="o", linestyle="", markersize=4, label=group)
        for group, color in groups.items()
    ]
    handles += [
        *legend_handles(scoring.constant),
        Line2D([], [], color=MUTED, linestyle=":", label=f"loss {threshold:g}"),
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=2)
    return figure
