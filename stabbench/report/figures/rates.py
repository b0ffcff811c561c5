"""Every strategy at each of its learning rates: box plots, a panel a strategy."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from stabbench.analysis.frame import finished, ordered
from stabbench.analysis.scoring import Scoring
from stabbench.report.figures.boxes import Box, draw_box, draw_majority, legend_handles, name_slots
from stabbench.report.figures.drawing import PAGE_WIDTH, new_figure, panels_of
from stabbench.report.figures.palette import Color
from stabbench.report.numbers import exponent
from stabbench.report.shown import Shown

_PANELS_A_ROW = 3


def rates_figure(runs: pd.DataFrame, colors: Mapping[str, Color], scoring: Scoring) -> Figure:
    """`runs` is a frame with `base`, the strategy, and `learning_rate`; all panels have one vertical axis."""
    bases, shown = ordered(runs["base"]), Shown.of(scoring, str(runs["metric"].iloc[0]))
    columns = min(_PANELS_A_ROW, len(bases))
    rows = -(-len(bases) // columns)
    figure = new_figure(PAGE_WIDTH * max(2, columns) / _PANELS_A_ROW, 0.35 + 2.4 * rows)
    panels = panels_of(figure, len(bases), columns)
    for axes in panels[1:]:
        axes.sharey(panels[0])  # before anything is drawn: the limits are then those of all panels
    for axes, base in zip(panels, bases, strict=True):
        part = runs[runs["base"] == base]
        rates = sorted(part["learning_rate"].unique())
        for place, rate in enumerate(rates):
            draw_box(axes, place, Box.of(finished(part[part["learning_rate"] == rate]), shown.factor), colors[base])
        draw_majority(axes, float(part["majority"].iloc[0]), scale=shown.factor)
        name_slots(axes, [exponent(rate) for rate in rates], figure.get_figwidth() / columns)
        axes.set_title(base)
    for axes in panels[::columns]:
        axes.set_ylabel(f"dev {shown.label}")
    for axes in panels[-columns:]:
        axes.set_xlabel("learning rate")
    figure.legend(handles=legend_handles(scoring.constant), loc="outside lower right", ncols=2)
    return figure
