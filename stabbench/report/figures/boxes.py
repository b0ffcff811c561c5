"""Scores of many runs side by side: a box and every run's point in each slot, over the best constant's line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cbook import boxplot_stats
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from stabbench.report.figures.palette import INK, Color

BOX_WIDTH = 0.62
_GOLDEN = 0.6180339887498949
_JITTER = 0.26
_LETTER_WIDTH, _LABEL_WIDTH = 0.068, 0.55  # inches: a letter of a name, the vertical axis with its labels
POINTS = 100
"""How many of a box's runs are drawn as points, where there are more: evenly by rank."""
DASHES = (0, (4, 2))
"""The line of the best constant prediction."""


@dataclass(frozen=True)
class Box:
    """What is drawn of a slot's finished runs."""

    runs: int
    ends: tuple[float, float, float, float, float] | None
    """Lower whisker, quartiles, upper whisker, by Tukey's rule (1.5 IQR); None where a run has no score."""
    scores: npt.NDArray[np.float64]
    """`(points,)`: all, or `POINTS` of them evenly by rank."""
    seeds: npt.NDArray[np.int64]
    failed: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, runs: pd.DataFrame, scale: float) -> Box:
        """Of a frame of finished runs, scores × `scale`; those without a score are no points."""
        scored = runs["score"].notna().to_numpy()
        scores = scale * runs["score"].to_numpy(dtype=np.float64)[scored]
        ends = None
        if scores.size and scored.all():
            (box,) = boxplot_stats(scores)
            ends = (box["whislo"], box["q1"], box["med"], box["q3"], box["whishi"])
        chosen = np.flatnonzero(scored)
        if scores.size > POINTS:
            ranks = np.linspace(0, scores.size - 1, POINTS).round().astype(int)
            by_rank = np.argsort(scores, kind="stable")[ranks]
            scores, chosen = scores[by_rank], chosen[by_rank]
        points = runs[["seed", "failed"]].iloc[chosen]
        failed = points["failed"].to_numpy(dtype=bool, na_value=False)
        return cls(len(runs), ends, scores, points["seed"].to_numpy(dtype=np.int64), failed)


def draw_box(axes: Axes, place: float, box: Box, color: Color, width: float = BOX_WIDTH) -> None:
    """Quartiles, whiskers, and a point for each run (a cross where it failed); of none that has a score nothing.

    Of more than `POINTS` runs so many are points: to be said on the figure, as by `thinned`.
    """
    if not box.scores.size:
        return
    if box.ends is not None:
        _draw_quartiles(axes, place, box.ends, color, width)
    across = place + jitter(box.seeds) * width / BOX_WIDTH
    draw_points(axes, across, box.scores, box.failed, color)


def _draw_quartiles(
    axes: Axes, place: float, ends: tuple[float, float, float, float, float], color: Color, width: float
) -> None:
    """Tukey's box; as two artists, where `Axes.boxplot` takes seven and five times as long."""
    low, first, median, third, high = ends
    left, right = place - width / 2, place + width / 2
    whiskers = [[(place, low), (place, first)], [(place, high), (place, third)]]
    caps = [[(place - width / 4, end), (place + width / 4, end)] for end in (low, high)]
    tint = (color, 0.22)
    axes.add_patch(Rectangle((left, first), width, third - first, facecolor=tint, edgecolor=tint, zorder=2))
    lines = [*whiskers, *caps, [(left, median), (right, median)]]
    axes.add_collection(LineCollection(lines, colors=[color], linewidths=[1.0] * 4 + [1.8], zorder=2))


def thinned(boxes: Sequence[Box]) -> str:
    """What a figure with these boxes has to say of its points; empty where all are drawn."""
    largest = max((box.runs for box in boxes), default=0)
    return f"points: {POINTS} of up to {largest:,} runs a box, evenly by rank" if largest > POINTS else ""


def draw_points(
    axes: Axes,
    across: npt.NDArray[np.float64],
    scores: npt.NDArray[np.float64],
    failed: npt.NDArray[np.bool_],
    color: Color,
) -> None:
    """Points of successful and crosses of failed runs; all arrays have shape `(runs,)`."""
    if not failed.all():
        axes.scatter(across[~failed], scores[~failed], s=9, color=color, alpha=0.85, linewidths=0, zorder=3)
    if failed.any():
        axes.scatter(across[failed], scores[failed], s=16, color=color, marker="x", linewidths=1.1, zorder=4)


def draw_majority(axes: Axes, score: float, *, scale: float) -> None:
    """The best constant prediction's score × `scale` as a dashed line; nothing where the score is NaN."""
    if not math.isnan(score):
        axes.axhline(scale * score, color=INK, linewidth=0.8, linestyle=DASHES, zorder=1)


def legend_handles(constant: str, *, majority: bool = True, failed: bool = True) -> list[Line2D]:
    """For a figure's legend: the line of the best constant, and the cross of a failed run, unless it has none.

    `constant` is what the line is called (`Scoring.constant`).
    """
    line = Line2D([], [], color=INK, linewidth=0.8, linestyle=DASHES, label=constant)
    cross = Line2D([], [], color=INK, linestyle="", marker="x", markersize=4, markeredgewidth=1.1, label="failed run")
    return [handle for handle, wanted in ((line, majority), (cross, failed)) if wanted]


def name_slots(axes: Axes, names: Sequence[str], width: float) -> None:
    """One name below each slot 0, 1, …; turned where a panel of `width` inches is too narrow for them."""
    longest = max(len(line) for name in names for line in name.split("\n"))
    turned = longest * _LETTER_WIDTH > (width - _LABEL_WIDTH) / len(names)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_xticks(
        range(len(names)),
        names,
        rotation=30 if turned else 0,
        ha="right" if turned else "center",
        rotation_mode="anchor" if turned else None,
        parse_math=False,
    )
    axes.tick_params(axis="x", length=0)
    axes.grid(visible=False, axis="x")


def jitter(seeds: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Sideways shift of each seed's point in slots, the same for a seed wherever it is drawn: shape of `seeds`."""
    return np.asarray(((seeds * _GOLDEN) % 1.0 - 0.5) * 2 * _JITTER, dtype=np.float64)
