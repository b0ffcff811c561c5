"""Fig. 14: training loss and dev score over the updates, mean ± 1 std of successful and of failed runs.

Runs of which nobody knows whether they failed are drawn as successful ones are.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stabbench.analysis.curves import FAILED, Curve, LearningCurves
from stabbench.analysis.place import Place
from stabbench.report.content import Content
from stabbench.report.figures.boxes import draw_majority
from stabbench.report.figures.drawing import PAGE_WIDTH, axes_of, new_figure
from stabbench.report.figures.palette import INK, MUTED, Color, strategy_colors

COLUMNS = 4
_LEGEND_HEIGHT = 27  # points: two lines above the panel, where no curve can cross them


def training_figure(content: Content, place: Place) -> Figure:
    """All strategies of a model and task side by side, losses above scores, four strategies a row."""
    cells = [Place.of(item.cell) for item in content.cells(place)]
    columns = min(COLUMNS, len(cells))
    blocks = -(-len(cells) // columns)
    figure = new_figure(PAGE_WIDTH * max(2, columns) / COLUMNS, 4.1 * blocks)
    grid = axes_of(figure, 2 * blocks, columns)
    for index, cell in enumerate(cells):
        block, column = divmod(index, columns)
        upper, lower = grid[2 * block][column], grid[2 * block + 1][column]
        lower.sharex(upper)  # where there is one evaluation it would be a range of its own
        _draw(upper, lower, content, cell, labelled=column == 0)
        upper.set_title(cell.strategy, pad=_LEGEND_HEIGHT)
    for index in range(len(cells), blocks * columns):
        block, column = divmod(index, columns)
        grid[2 * block][column].remove()
        grid[2 * block + 1][column].remove()
    return figure


def training_panel(content: Content, cell: Place) -> Figure:
    """One cell alone, for the page."""
    figure = new_figure(3.0, 3.7)
    upper, lower = (row[0] for row in axes_of(figure, 2, 1, sharex=True))
    _draw(upper, lower, content, cell, labelled=True)
    return figure


def _draw(upper: Axes, lower: Axes, content: Content, cell: Place, *, labelled: bool) -> None:
    color, shown = strategy_colors(content.strategies)[cell.strategy], content.shown_at(cell.whole)
    for curves in content.curves[cell]:
        failed = curves.outcome == FAILED
        label = f"{curves.outcome} ({curves.runs})"
        draw_band(upper, curves.train_loss, INK if failed else color, label=label, dashed=failed)
        draw_band(lower, curves.dev_score, INK if failed else color, label=label, dashed=failed, scale=shown.factor)
    everything = [curves for place, found in content.curves.items() if place.whole == cell.whole for curves in found]
    _same_limits(upper, lower, everything, shown.factor)
    draw_majority(lower, content.majority_at(cell.whole), scale=shown.factor)
    if not any(curves.train_loss.step.size for curves in content.curves[cell]):
        upper.text(0.5, 0.5, "not known", transform=upper.transAxes, ha="center", va="center", color=MUTED)
    if upper.lines:
        upper.legend(
            loc="lower left", bbox_to_anchor=(-0.02, 1.0), handlelength=1.8, borderaxespad=0.1, labelspacing=0.2
        )
    lower.set_xlabel("updates")
    for axes in (upper, lower):
        axes.margins(x=0.02)
    if labelled:
        upper.set_ylabel(f"training loss ({content.scoring.objective(cell.task).measure})")
        lower.set_ylabel(f"dev {shown.narrow_label}")


def curve_rows(curves: LearningCurves) -> pd.DataFrame:
    """What two bands show: mean and std of training loss and dev score (as recorded) over the runs, by updates."""
    parts = [
        pd.DataFrame({"curve": name, "outcome": curves.outcome, "runs": curves.runs, "step": curve.step.astype(int)})
        .assign(mean=curve.mean, std=curve.std)
        for name, curve in (("train_loss", curves.train_loss), ("dev_score", curves.dev_score))
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def draw_band(
    axes: Axes, curve: Curve, color: Color, *, label: str, dashed: bool = False, scale: float = 1, unit: float = 1
) -> None:
    """A curve's mean as a line in a band of ± 1 std; values times `scale`, steps over `unit` (updates of an epoch)."""
    step, mean, std = curve.step / unit, scale * curve.mean, scale * curve.std
    axes.fill_between(step, mean - std, mean + std, color=color, alpha=0.18, linewidth=0, zorder=2)
    line = (0, (2, 1.2)) if dashed else "-"
    marker = "." if len(step) == 1 else None
    axes.plot(step, mean, color=color, linewidth=1.4, linestyle=line, marker=marker, label=label, zorder=3)


def _same_limits(upper: Axes, lower: Axes, everything: Sequence[LearningCurves], factor: float) -> None:
    """The limits of all strategies of a task, so that panels can be compared."""
    for axes, scale, curves in (
        (upper, 1, [item.train_loss for item in everything]),
        (lower, factor, [item.dev_score for item in everything]),
    ):
        curves = [curve for curve in curves if curve.mean.size]
        if not curves:
            continue
        low = scale * min(float((curve.mean - curve.std).min()) for curve in curves)
        high = scale * max(float((curve.mean + curve.std).max()) for curve in curves)
        room = 0.06 * (high - low) or 0.5
        axes.set_ylim(low - room, high + room)
