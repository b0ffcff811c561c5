"""Scores of many runs side by side: a box and every run's point in each slot, over the best constant's line."""

from __future__ import annotations

import math
from collections.abc import Sequence

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


def draw_box(
    axes: Axes, place: float, runs: pd.DataFrame, color: Color, width: float = BOX_WIDTH, *, scale: float
) -> None:
    """Quartiles, whiskers to 1.5 IQR and a point for each finished run of a frame (a cross where it failed), × `scale`.

    Where a run has no score, the others' points alone.
    Of more than `POINTS` runs so many are drawn: to be said on the figure, as by `thinned`.
    """
    scored = runs[runs["score"].notna()]
    if scored.empty:
        return
    scores = scale * scored["score"].to_numpy(dtype=np.float64)
    if len(scored) == len(runs):
        _draw_quartiles(axes, place, scores, color, width)
    runs = scored
    if len(runs) > POINTS:
        chosen = np.argsort(scores, kind="stable")[np.linspace(0, len(runs) - 1, POINTS).round().astype(int)]
        runs, scores = runs.iloc[chosen], scores[chosen]
    across = place + jitter(runs["seed"].to_numpy(dtype=np.int64)) * width / BOX_WIDTH
    draw_points(axes, across, scores, runs["failed"].to_numpy(dtype=bool, na_value=False), color)


def _draw_quartiles(axes: Axes, place: float, scores: npt.NDArray[np.float64], color: Color, width: float) -> None:
    """Tukey's box of the scores; as two artists, where `Axes.boxplot` takes seven and five times as long."""
    (box,) = boxplot_stats(scores)
    left, right = place - width / 2, place + width / 2
    whiskers = [[(place, box[end]), (place, box[edge])] for end, edge in (("whislo", "q1"), ("whishi", "q3"))]
    caps = [[(place - width / 4, box[end]), (place + width / 4, box[end])] for end in ("whislo", "whishi")]
    median = [(left, box["med"]), (right, box["med"])]
    tint = (color, 0.22)
    axes.add_patch(Rectangle((left, box["q1"]), width, box["q3"] - box["q1"], facecolor=tint, edgecolor=tint, zorder=2))
    lines = LineCollection([*whiskers, *caps, median], colors=[color], linewidths=[1.0] * 4 + [1.8], zorder=2)
    axes.add_collection(lines)


def thinned(runs: pd.DataFrame) -> str:
    """What a figure with boxes of these finished runs has to say of its points; empty where all are drawn."""
    largest = int(runs.groupby("strategy", sort=False, observed=True).size().max()) if len(runs) else 0
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
