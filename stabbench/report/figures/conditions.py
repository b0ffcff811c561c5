"""Fig. 3: boxes of the conditions under which a task was trained, a panel a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from stabbench.analysis.frame import finished
from stabbench.analysis.scoring import Scoring
from stabbench.report.figures.boxes import Box, draw_box, draw_majority, legend_handles, name_slots
from stabbench.report.figures.drawing import PAGE_WIDTH, new_figure, panels_of
from stabbench.report.figures.palette import Color
from stabbench.report.shown import Shown

_PANELS_A_ROW = 2


@dataclass(frozen=True)
class Condition:
    """One box: `name` is its value in the frame's column `strategy`, `label` (lines) stands below it."""

    name: str
    label: str
    color: Color


def conditions_figure(runs: pd.DataFrame, conditions: Mapping[str, Sequence[Condition]], scoring: Scoring) -> Figure:
    """`runs` is a frame whose column `strategy` holds the condition; `conditions` lists each task's, left to right."""
    rows = -(-len(conditions) // _PANELS_A_ROW)
    columns = min(_PANELS_A_ROW, len(conditions))
    figure = new_figure(PAGE_WIDTH if columns > 1 else 0.65 * PAGE_WIDTH, 2.9 * rows)
    panels = panels_of(figure, len(conditions), columns)
    for axes, (task, group) in zip(panels, conditions.items(), strict=True):
        part = runs[runs["task"] == task]
        shown = Shown.of(scoring, str(part["metric"].iloc[0]))
        for place, condition in enumerate(group):
            done = finished(part[part["strategy"] == condition.name])
            draw_box(axes, place, Box.of(done, shown.factor), condition.color)
        draw_majority(axes, float(part["majority"].iloc[0]), scale=shown.factor)
        name_slots(axes, [condition.label for condition in group], figure.get_figwidth() / columns)
        axes.set_title(task)
        axes.set_ylabel(f"dev {shown.label}")
    figure.legend(handles=legend_handles(scoring.constant), loc="outside lower right", ncols=2)
    return figure
