"""Fig. 7 and 13: the loss surface through the pretrained, a failed and a successful model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stabbench.analysis.scoring import ObjectiveWords, objective_words
from stabbench.analysis.surfaces import barrier, norms_around, radius_of
from stabbench.report.content import Content
from stabbench.report.figures.drawing import PAGE_WIDTH, axes_of, new_figure
from stabbench.report.figures.palette import MARK, MARK_EDGE, SHADES, depth_color
from stabbench.report.grid import Grid
from stabbench.report.measurement import MeasuredProbe, run_name
from stabbench.report.section import Section, SectionFigure


def section(probe: MeasuredProbe, content: Content) -> Section:
    """Loss and gradient norm in the plane; where nothing was measured, why."""
    chapter = probe.chapter(
        "Loss surface",
        "f(α, β) = L(θp + α·(θf − θp) + β·(θs − θp)), the loss in the plane through the pretrained model θp, a failed "
        "run θf and a successful one θs, and beside it the total gradient norm. In the paper the failed run lies in a "
        "valley of high loss and small gradients, with a barrier between it and the successful one (figures 7 and 13).",
    )
    if probe.reason is not None:
        return chapter
    surface, line = probe.table("surface"), probe.table("line")
    points = probe.table("points").set_index("point")
    words = objective_words(probe.facts.get("objective"))
    found = [
        _runs_sentence(probe),
        _loss_sentence(points, probe, words),
        _barrier_sentence(line, words),
        _gradient_sentence(surface, points),
        *probe.remarks(content),
    ]
    marks = {str(name): (float(row["alpha"]), float(row["beta"])) for name, row in points.iterrows()}
    figure = surface_figure(surface, marks, ("failed", "successful"), words.measure)
    return replace(
        chapter,
        found=found,
        figures=[SectionFigure("surface", figure, "Loss and gradient norm in a plane. " + " ".join(found), "surface")],
        tables=[("The three models", _grid(points, words))],
        data={"surface": surface, "points": points.reset_index(), "line": line},
    )


def _runs_sentence(probe: MeasuredProbe) -> str:
    failed, successful = probe.chosen
    facts = probe.facts
    head = (
        "both began with this head"
        if facts["shared_head"]
        else "the failed run began with this head, the successful one with another, since no two runs share one"
    )
    angle = "" if facts["cosine"] is None else f", the cosine of the angle between the two ways {facts['cosine']:.2f}"
    return (
        f"θp is the pretrained model with the new head of seed {facts['head_seed']}, θf the failed run "
        f"{run_name(failed)}, θs the successful run {run_name(successful)}; {head}. "
        f"‖θf − θp‖ is {facts['length_failed']:.3g}, ‖θs − θp‖ {facts['length_successful']:.3g}{angle}."
    )


def _loss_sentence(points: pd.DataFrame, probe: MeasuredProbe, words: ObjectiveWords) -> str:
    loss, of = points["loss"], "" if words.unit else f" ({words.measure})"
    return (
        f"On {probe.facts['examples']} training examples the loss is {loss['pretrained']:.3g} at θp, "
        f"{loss['failed']:.3g} at θf and {loss['successful']:.3g}{words.unit} at θs{of}."
    )


def _barrier_sentence(line: pd.DataFrame, words: ObjectiveWords) -> str:
    top = barrier(line)
    if top is None:
        return "Along the straight line from θf to θs (dashed) the loss is not finite everywhere."
    if top.flat:
        return "Along the straight line from θf to θs (dashed) the loss never rises above its higher end: no barrier."
    return (
        f"Along the straight line from θf to θs (dashed) the loss rises to {top.loss:.3g}{words.unit} at {top.t:.0%} "
        f"of the way, {top.height:.2g} above the higher end: a barrier."
    )


def _gradient_sentence(surface: pd.DataFrame, points: pd.DataFrame) -> str:
    radius = radius_of(surface)
    norm = points["gradient_norm"]
    near = norms_around(surface, points)
    text = (
        f"The total gradient norm is {norm['pretrained']:.2g} at θp, {norm['failed']:.2g} at θf and "
        f"{norm['successful']:.2g} at θs"
    )
    (around_failed, failed), (around_successful, successful) = near["failed"], near["successful"]
    if around_failed and around_successful:
        text += (
            f"; its median over the points of the grid within {radius:.2g} of θf ({around_failed}) is "
            f"{failed:.2g}, of θs ({around_successful}) {successful:.2g}"
        )
    return text + "."


def _grid(points: pd.DataFrame, words: ObjectiveWords) -> Grid:
    rows = [[str(name), f"{row['loss']:.4g}", f"{row['gradient_norm']:.3g}"] for name, row in points.iterrows()]
    return Grid(["model", f"loss ({words.measure})", "total gradient norm"], rows)


LOG_FROM = 5.0
"""Largest over smallest value from which on levels are logarithmic."""

PANELS = (("loss", "loss ({})", 50.0), ("gradient_norm", "total gradient norm (L2)", 1000.0))
"""Column, label (of the loss: with what it is), and largest over smallest value that shades tell apart: what is lower
has the lowest one's shade."""

Floats = npt.NDArray[np.float64]
Marks = Mapping[str, tuple[float, float]]
"""Label of each marked point with its α and β."""


def surface_figure(surface: pd.DataFrame, marks: Marks, line: Sequence[str], measure: str) -> Figure:
    """`surface` has columns alpha, beta, loss, gradient_norm; a dashed line joins the two marks named in `line`.

    `measure` is what the loss is.
    """
    figure = new_figure(PAGE_WIDTH, 4.25)
    panels = axes_of(figure, 1, 2, sharex=True, sharey=True)[0]
    for axes, (column, label, span) in zip(panels, PANELS, strict=True):
        _draw(figure, axes, surface, column, label.format(measure), span)
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
