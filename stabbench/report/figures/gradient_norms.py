"""Fig. 4: gradient norms by layer over the updates, a failed run beside a successful one."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stabbench.analysis.gradients import Pair, Run
from stabbench.analysis.layers import layer_norms
from stabbench.analysis.matrices import thinned
from stabbench.report.figures.drawing import PAGE_WIDTH, axes_of, logarithmic, new_figure
from stabbench.report.figures.palette import INK, MUTED, depth_color
from stabbench.tensor_roles import CLASSIFIER, EMBEDDINGS, HEAD, OTHER, POOLER

LEGEND_ENTRIES = 10
POINTS = 150
"""Of a line; longer ones are medians over windows."""

LINES = {
    EMBEDDINGS: (MUTED, (0, (6, 1.5, 1, 1.5))),
    POOLER: (INK, (0, (5, 1.5))),
    CLASSIFIER: (INK, (0, (1, 1.2))),
    HEAD: (INK, (0, (1, 1.2))),
    OTHER: (MUTED, (0, (5, 1.5))),
}


def gradient_figure(pair: Pair, width: float = PAGE_WIDTH) -> tuple[Figure, pd.DataFrame]:
    """Failed left, successful right, one logarithmic axis, a line a layer; and a table of what it shows."""
    narrow = width < PAGE_WIDTH
    figure = new_figure(width, 5.4 if narrow else 2.9)
    grid = axes_of(figure, 2, 1, sharey=True) if narrow else axes_of(figure, 1, 2, sharey=True)
    panels = [axes for row in grid for axes in row]
    parts = []
    for axes, (kind, run) in zip(panels, (("failed", pair.failed), ("successful", pair.successful)), strict=True):
        norms = thinned(layer_norms(run.record.gradnorms(), run.tensors), POINTS)
        draw_norms(axes, norms)
        axes.set_title(f"{kind}: {run.strategy}, seed {run.seed}")
        parts.append(norm_rows(norms, run, kind))
    for axes in panels if narrow else panels[:1]:
        axes.set_ylabel("gradient norm (L2)" if narrow else "gradient norm (L2, before clipping)")
    for axes in panels[-1:] if narrow else panels:
        axes.set_xlabel("updates")
    handles, labels = panels[-1].get_legend_handles_labels()
    chosen = legend_entries(labels)
    options: dict[str, Any] = {"loc": "outside lower center", "ncols": 3} if narrow else {"loc": "outside right center"}
    figure.legend([handles[index] for index in chosen], [labels[index] for index in chosen], **options)
    return figure, pd.concat(parts, ignore_index=True)


def norm_rows(norms: pd.DataFrame, run: Run, outcome: str) -> pd.DataFrame:
    """A row a point of lines that are the columns of `norms`, with its run's outcome, strategy and seed."""
    long = norms.rename_axis("step").reset_index().melt("step", var_name="layer", value_name="norm")
    of_run = {"outcome": outcome, "strategy": run.strategy, "seed": run.seed}
    return pd.DataFrame(of_run, index=long.index).join(long)


def draw_norms(axes: Axes, norms: pd.DataFrame) -> None:
    """A line a column over the steps, layers from dark (lowest) to light (highest)."""
    numbered = [name for name in norms.columns if name not in LINES]
    positive = norms.where(norms > 0)
    for name in reversed(list(norms.columns)):
        if name in LINES:
            color, line = LINES[name]
            axes.plot(norms.index, positive[name], color=color, linestyle=line, linewidth=1.1, label=name)
        else:
            shade = depth_color(numbered.index(name), len(numbered))
            axes.plot(norms.index, positive[name], color=shade, linewidth=1.3, label=name)
    axes.margins(x=0.02)
    logarithmic(axes)


def legend_entries(labels: list[str]) -> list[int]:
    """Places of the labels that a legend shows: all, or of many layers evenly spaced ones with both ends."""
    layers = [index for index, label in enumerate(labels) if label not in LINES]
    if len(layers) > LEGEND_ENTRIES:
        last = len(layers) - 1
        layers = sorted({layers[round(last * step / (LEGEND_ENTRIES - 1))] for step in range(LEGEND_ENTRIES)})
    return [index for index, label in enumerate(labels) if label in LINES or index in layers]
