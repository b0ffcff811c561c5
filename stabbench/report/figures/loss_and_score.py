"""Fig. 8, right: the final score on dev against the final training loss, a point a run."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from stabbench.report.figures.boxes import draw_majority, draw_points, legend_handles
from stabbench.report.figures.distribution import metric_label
from stabbench.report.figures.drawing import PAGE_WIDTH, axes_of, logarithmic, new_figure
from stabbench.report.figures.palette import MUTED, Color


def loss_and_score_figure(runs: pd.DataFrame, groups: Mapping[str, Color], threshold: float) -> Figure:
    """`runs` is a frame with a finite training loss in every row and a column `group`; a cross is a failed run.

    `groups` maps the groups to their colours, in the legend's order; a dotted line stands at the loss `threshold`.
    """
    figure = new_figure(PAGE_WIDTH * 0.75, 4.0)
    axes = axes_of(figure, 1, 1)[0][0]
    for group, color in groups.items():
        part = runs[runs["group"] == group]
        loss, score = (part[name].to_numpy(dtype=np.float64) for name in ("train_loss_final", "score"))
        draw_points(axes, loss, 100 * score, part["failed"].to_numpy(dtype=bool), color)
    logarithmic(axes, "x")
    axes.axvline(threshold, color=MUTED, linewidth=0.8, linestyle=":")
    draw_majority(axes, float(runs["majority"].iloc[0]), named=False)
    axes.set_xlabel("final training loss (nats, full training set, log scale)")
    axes.set_ylabel(f"dev {metric_label(str(runs['metric'].iloc[0]))}")
    handles = [
        Line2D([], [], color=color, marker="o", linestyle="", markersize=4, label=group)
        for group, color in groups.items()
    ]
    handles += [*legend_handles(), Line2D([], [], color=MUTED, linestyle=":", label=f"loss {threshold:g}")]
    figure.legend(handles=handles, loc="outside lower left", ncols=2)
    return figure
