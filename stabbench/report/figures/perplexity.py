"""Fig. 2a/b: masked-LM perplexity over the number of top layers put back, failed runs beside successful ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from stabbench.report.content import Content
from stabbench.report.figures.drawing import PAGE_WIDTH, axes_of, new_figure
from stabbench.report.figures.palette import INK, MUTED, strategy_colors
from stabbench.report.numbers import listed

LOG_FROM = 5.0
"""Largest over smallest perplexity from which on the axis is logarithmic."""
_MOST_LABELS = 13
_BESIDE = 1.5
"""How far right of all layers the embeddings stand, in layers."""


def perplexity_figure(table: pd.DataFrame, reference: float, layers: int, content: Content) -> Figure:
    """`table` has a row a run and k: strategy, seed, failed, top_layers, embeddings, perplexity."""
    figure = new_figure(PAGE_WIDTH, 2.9)
    panels = axes_of(figure, 1, 2, sharey=True)[0]
    colors = strategy_colors(content.strategies)
    for axes, failed in zip(panels, (True, False), strict=True):
        runs = table[table["failed"] == failed]
        axes.axhline(reference, color=INK, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
        for strategy in [name for name in content.strategies if name in set(runs["strategy"])]:
            of_strategy = runs[runs["strategy"] == strategy]
            seeds = [int(seed) for seed in of_strategy["seed"].unique()]
            for number, seed in enumerate(seeds):
                rows = of_strategy[of_strategy["seed"] == seed]
                places = rows["top_layers"].to_numpy() + _BESIDE * rows["embeddings"].to_numpy(dtype=np.int64)
                noun = "seed" if len(seeds) == 1 else "seeds"
                label = f"{strategy}, {noun} {listed([str(seed) for seed in seeds])}" if number == 0 else None
                axes.plot(
                    places,
                    rows["perplexity"],
                    color=colors[strategy],
                    linestyle=(0, (2.5, 1.2)) if failed else "-",
                    linewidth=1.3,
                    marker="x" if failed else "o",
                    markersize=4 if failed else 3,
                    label=label,
                    zorder=3,
                )
        axes.set_title("failed runs" if failed else "successful runs")
        axes.legend(loc="upper right")
        _axis_of_layers(axes, layers)
    _axis_of_perplexity(panels[0], table, reference)
    panels[0].annotate(
        "pretrained model",
        (0.0, reference),
        xycoords=("axes fraction", "data"),
        xytext=(3, -2),
        textcoords="offset points",
        va="top",
        fontsize=6.5,
        color=MUTED,
    )
    return figure


def _axis_of_layers(axes: Axes, layers: int) -> None:
    step = -(-(layers + 1) // _MOST_LABELS)
    ticks = [*range(0, layers + 1 - (step // 2 if step > 1 else 0), step)]
    axes.set_xticks([*ticks, layers + _BESIDE], [*(str(tick) for tick in ticks), "+ emb."])
    axes.set_xlabel(f"top layers put back to pretrained, of {layers}")
    axes.axvline(layers + _BESIDE / 2, color=MUTED, linewidth=0.6, linestyle=":", zorder=1)
    axes.margins(x=0.04)


def _axis_of_perplexity(axes: Axes, table: pd.DataFrame, reference: float) -> None:
    axes.set_ylabel("masked-LM perplexity")
    highest = float(table["perplexity"].max())
    lowest = min(float(table["perplexity"].min()), reference)
    if highest / lowest < LOG_FROM:
        axes.set_ylim(lowest - 0.08 * (highest - lowest), highest + 0.3 * (highest - lowest))
        return
    axes.set_yscale("log")
    room = (highest / lowest) ** 0.1
    axes.set_ylim(lowest / room, highest * room**2.5)
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if highest / lowest < 1000 else (1.0,)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(_tick))


def _tick(value: float, position: int | None) -> str:
    return f"{value:,.4g}" if value < 1e6 else f"{value:.0e}"
