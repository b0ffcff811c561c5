"""Fig. 1: the scores of every seed over a box, a panel a task."""

from __future__ import annotations

from functools import lru_cache

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stabbench.analysis.frame import finished, ordered
from stabbench.analysis.place import Place
from stabbench.report.content import DRAWN_PLACES, Content
from stabbench.report.figures.boxes import Box, draw_box, draw_majority, legend_handles, name_slots, thinned
from stabbench.report.figures.drawing import PAGE_WIDTH, axes_of, new_figure, of_strategy, panels_of
from stabbench.report.figures.palette import MUTED, strategy_colors

PANELS_A_ROW = 3
_SLOT, _LABELS = 0.26, 0.6  # inches: a turned name below a slot, the vertical axis with its labels


def stability_figure(content: Content) -> Figure:
    """The tasks of all models (the first `content.DRAWN_PLACES`), three panels a row."""
    panels = content.drawn
    columns = min(PANELS_A_ROW, len(panels))
    rows = -(-len(panels) // columns)
    most = max(len(content.rows(place)) for place in panels)
    width = max(PAGE_WIDTH * max(columns, 2) / PANELS_A_ROW, columns * (most * _SLOT + _LABELS))
    figure = new_figure(width, 2.7 * rows)
    for axes, place in zip(panels_of(figure, len(panels), columns), panels, strict=True):
        draw_distribution(axes, content, place, width=figure.get_figwidth() / columns)
        axes.set_title(content.heading(place), parse_math=False)
    table = content.table
    handles = legend_handles(
        content.constant, majority=bool(table["majority"].notna().any()), failed=bool(table["failed"].notna().any())
    )
    if handles:
        figure.legend(handles=handles, loc="outside lower right", ncols=2)
    return figure


def distribution_panel(content: Content, place: Place) -> Figure:
    """One task alone, for the page: with a slot as wide as most names, or turned names where that is too wide."""
    names = len(content.rows(place))
    figure = new_figure(max(3.3, min(0.75 * names, max(PAGE_WIDTH, names * _SLOT + _LABELS))), 2.9)
    axes = axes_of(figure, 1, 1)[0][0]
    draw_distribution(axes, content, place, width=figure.get_figwidth())
    return figure


def draw_distribution(axes: Axes, content: Content, place: Place, width: float) -> None:
    """Boxes, every seed's point (a cross where the run failed) and the line of the best constant prediction.

    `width` is the panel's in inches; strategies' names are turned where it is too small for them.
    """
    order = content.strategies
    colors = strategy_colors(order)
    shown = content.shown_at(place)
    boxes = _boxes(content, place)
    for slot, (strategy, box) in enumerate(boxes.items()):
        before = set(axes.get_children())
        draw_box(axes, slot, box, colors[strategy])
        of_strategy(axes, [artist for artist in axes.get_children() if artist not in before], order.index(strategy))
    draw_majority(axes, content.majority_at(place), scale=shown.factor)
    name_slots(axes, list(boxes), width)
    axes.set_ylabel(f"{content.origin.scored_on} {shown.label}".strip(), parse_math=False)
    axes.set_xlabel(thinned(list(boxes.values())), fontsize=6.5, color=MUTED)


@lru_cache(maxsize=DRAWN_PLACES)
def _boxes(content: Content, place: Place) -> dict[str, Box]:
    """The box of each strategy, for the page's figure and for the one of all tasks."""
    here = (content.runs["model"] == place.model) & (content.runs["task"] == place.task)
    runs = content.runs.loc[here, ["strategy", "seed", "status", "metric", "score", "failed"]]
    done, scale = finished(runs), content.shown_at(place).factor
    return {name: Box.of(done[done["strategy"] == name], scale) for name in ordered(runs["strategy"])}
