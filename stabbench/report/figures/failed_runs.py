"""Fig. 2c: training loss and dev score of the failed runs, with the loss of guessing and the best constant's score."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from stabbench.analysis.curves import FAILED, curves_of
from stabbench.analysis.place import Place
from stabbench.report.content import Content
from stabbench.report.figures.distribution import metric_label
from stabbench.report.figures.drawing import COLUMN_WIDTH, axes_of, legend_above, new_figure
from stabbench.report.figures.palette import INK, strategy_colors
from stabbench.report.figures.training_curves import curve_rows, draw_band

POINTS = 15
"""Windows of updates over which a run's loss is averaged: fewer than where single runs would be told apart."""
REFERENCE = (0, (4, 2))


def failed_figure(content: Content, place: Place, label_entropy: float) -> tuple[Figure, pd.DataFrame]:
    """Mean ± 1 std over each strategy's failed runs, loss above score; `label_entropy` in nats.

    Beside the figure a table of what it shows.
    """
    figure = new_figure(COLUMN_WIDTH, 4.3)
    upper, lower = (row[0] for row in axes_of(figure, 2, 1, sharex=True))
    colors = strategy_colors(content.strategies)
    parts = []
    for item in content.cells(place):
        curves = curves_of(item, FAILED, POINTS)
        if curves is not None:
            color, label = colors[item.cell.strategy], f"{item.cell.strategy} ({curves.runs})"
            draw_band(upper, curves.train_loss, color, label=label)
            draw_band(lower, curves.dev_score, color, label=label, scale=100)
            rows = curve_rows(curves)
            rows.insert(0, "strategy", item.cell.strategy)
            parts.append(rows)
    row = content.rows(place).iloc[0]
    upper.axhline(
        label_entropy, color=INK, linewidth=0.9, linestyle=REFERENCE, zorder=4, label="guessing, best constant"
    )
    lower.axhline(100 * float(row["majority"]), color=INK, linewidth=0.9, linestyle=REFERENCE, zorder=4)
    upper.set_ylabel("training loss (nats)")
    lower.set_ylabel(f"dev {metric_label(str(row['metric']))}")
    lower.set_xlabel("updates")
    for axes in (upper, lower):
        axes.margins(x=0.02)
    legend_above(figure, upper)
    return figure, pd.concat(parts, ignore_index=True)
