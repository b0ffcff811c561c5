"""Fig. 7 and 13: contours of loss and gradient norm in a plane through three models, which are marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stabbench.report.figures.drawing import PAGE_WIDTH, axes_of, new_figure
from stabbench.report.figures.palette import MARK, MARK_EDGE, SHADES, depth_color

LOG_FROM = 5.0
"""Largest over smallest value from which on levels are logarithmic."""

PANELS = (("loss", "loss (nats)", 50.0), ("gradient_norm", "total gradient norm (L2)", 1000.0))
"""Column, label, and largest over smallest value that shades tell apart: what is lower has the lowest one's shade."""

Floats = npt.NDArray[np.float64]
Marks = Mapping[str, tuple[float, float]]
"""Label of each marked point with its α and β."""


def surface_figure(surface: pd.DataFrame, marks: Marks, line: Sequence[str]) -> Figure:
    """`surface` has columns alpha, beta, loss, gradient_norm; a dashed line joins the two marks named in `line`."""
    figure = new_figure(PAGE_WIDTH, 4.25)
    panels = axes_of(figure, 1, 2, sharex=True, sharey=True)[0]
    for axes, (column, label, span) in zip(panels, PANELS, strict=True):
        _draw(figure, axes, surface, column, label, span)
        ends = np.array([marks[name] for name in line])
        axes.plot(ends[:, 0], ends[:, 1], color=MARK, linewidth=1.0, linestyle=(0, (3, 2)), zorder=4)
        for text, (alpha, beta) in marks.items():
            _mark(axes, text, alpha, beta)
        axes.set_xlabel("α: towards the failed run")
        axes.xaxis.set_major_locator(MaxNLocator(6, prune="both"))
        axes.set_aspect("equal")
        axes.grid(visible=False)
    panels[0].set_ylabel("β: towards the successful run")
    return figure


def _draw(figure: Figure, axes: Axes, surface: pd.DataFrame, column: str, label: str, span: float) -> None:
    grid = surface.pivot(index="beta", columns="alpha", values=column)
    measured = grid.to_numpy(dtype=np.float64)
    lowest, highest = float(np.nanmin(measured)), float(np.nanmax(measured))
    values = np.ma.masked_invalid(np.maximum(measured, highest / span))
    levels = _levels(values.compressed())
    shades = [depth_color(index, len(levels) - 1) for index in range(len(levels) - 1)]
    drawn = axes.contourf(
        grid.columns.to_numpy(dtype=np.float64),
        grid.index.to_numpy(dtype=np.float64),
        values,
        levels=levels,
        cmap=ListedColormap(shades),
        norm=BoundaryNorm(levels, len(shades)),
        extend="neither",
    )
    drawn.set(edgecolor="face", linewidth=0.8)  # or hairlines of the page show between the shades
    bar = figure.colorbar(drawn, ax=axes, orientation="horizontal", spacing="uniform", aspect=28, pad=0.02)
    ticks = levels[:: max(1, (len(levels) - 1) // 6)]
    labels = [_text(value, levels) for value in ticks]
    bar.set_ticks(list(ticks), labels=[f"≤ {labels[0]}" if lowest < levels[0] else labels[0], *labels[1:]])
    bar.ax.tick_params(labelsize=7)
    bar.ax.minorticks_off()
    bar.outline.set_visible(False)
    if bar.solids is not None:
        bar.solids.set(edgecolor="face", linewidth=0.8)
    bar.set_label(label)


def _levels(values: Floats) -> Floats:
    """Bounds of at most `SHADES` shades from the smallest to the largest value, logarithmic where they span far."""
    low, high = float(values.min()), float(values.max())
    if not high > low:
        return np.array([low - 0.5, low + 0.5])
    spaced = np.geomspace if low > 0 and high / low >= LOG_FROM else np.linspace
    levels = spaced(low, high, SHADES)
    levels[0], levels[-1] = low - 1e-9 * abs(low), high + 1e-9 * abs(high)
    return levels


def _text(value: float, levels: Floats) -> str:
    span = levels[-1] - levels[0]
    digits = 2 if span >= 0.05 * abs(levels[-1]) else 4
    text = f"{value:.{digits}g}"
    return f"{value:.0f}" if "e+" in text and value < 1e6 else text


def _mark(axes: Axes, text: str, alpha: float, beta: float) -> None:
    axes.plot([alpha], [beta], marker="o", markersize=5, color=MARK, markeredgecolor=MARK_EDGE, zorder=5)
    axes.annotate(
        text,
        (alpha, beta),
        xytext=(0, 7),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=7,
        color=MARK_EDGE,
        bbox={"boxstyle": "round,pad=0.2", "facecolor": MARK, "edgecolor": "none", "alpha": 0.82},
        zorder=6,
    )
