"""Fig. 10 to 12: gradient norms of each kind of weight matrix over the updates, failed beside successful."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stabbench.analysis.gradients import Pair
from stabbench.analysis.matrices import matrix_norms, thinned
from stabbench.report.figures.drawing import PAGE_WIDTH, axes_of, new_figure
from stabbench.report.figures.gradient_norms import draw_norms, legend_entries, norm_rows

KINDS_A_ROW = 2
POINTS = 60
"""Of a line; longer ones are medians over windows."""


def matrices_figure(pair: Pair) -> tuple[Figure, pd.DataFrame]:
    """Two panels a kind of matrix, failed left and successful right, a line a layer, one logarithmic axis for all.

    Beside the figure a table of what it shows.
    """
    failed, successful = (matrix_norms(run.record.gradnorms(), run.tensors) for run in (pair.failed, pair.successful))
    kinds = [kind for kind in failed if kind in successful]
    rows = len(kinds) // KINDS_A_ROW + 1  # there is always room for the legend
    figure = new_figure(PAGE_WIDTH, 0.4 + 1.5 * rows)
    grid = axes_of(figure, rows, 2 * KINDS_A_ROW, sharex=True, sharey=True)
    panels = [grid[row][2 * column : 2 * column + 2] for row in range(rows) for column in range(KINDS_A_ROW)]
    sides = (("failed", pair.failed, failed), ("successful", pair.successful, successful))
    parts = []
    for kind, beside in zip(kinds, panels, strict=False):
        beside[0].set_title(kind, fontsize=8)
        for axes, (outcome, run, norms) in zip(beside, sides, strict=True):
            lines = thinned(norms[kind], POINTS)
            draw_norms(axes, lines)
            axes.set_title(outcome, loc="right", fontsize=8, fontweight="normal")
            parts.append(norm_rows(lines, run, outcome).assign(kind=kind))
    for unused in panels[len(kinds) :]:
        for axes in unused:
            axes.axis("off")
    _legend(panels[len(kinds)][0], [axes for pair in panels[: len(kinds)] for axes in pair])
    for column in range(2 * KINDS_A_ROW):
        lowest = grid[-1 if 2 * len(kinds) > (rows - 1) * 2 * KINDS_A_ROW + column else -2][column]
        lowest.set_xlabel("updates")
        lowest.tick_params(labelbottom=True)
    figure.supylabel("gradient norm (L2, before clipping, log scale)", fontsize=8)
    columns = ["kind", "layer", "outcome", "strategy", "seed", "step", "norm"]
    return figure, pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _legend(axes: Axes, panels: list[Axes]) -> None:
    lines = {str(line.get_label()): line for panel in panels for line in panel.lines}
    labels = list(lines)
    chosen = legend_entries(labels)
    legend = axes.legend(
        [lines[labels[index]] for index in chosen], [labels[index] for index in chosen], loc="upper left", ncols=2
    )
    legend.set_in_layout(False)
