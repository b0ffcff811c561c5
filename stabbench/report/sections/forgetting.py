"""Fig. 2a/b: what fine-tuned models have forgotten, and which layers bring it back."""

from __future__ import annotations

from dataclasses import replace
from statistics import median

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from stabbench.analysis.forgetting import layers_to_recover
from stabbench.report.content import Content
from stabbench.report.figures.drawing import PAGE_WIDTH, axes_of, new_figure
from stabbench.report.figures.palette import INK, MUTED, strategy_colors
from stabbench.report.grid import Grid
from stabbench.report.measurement import MeasuredProbe, run_name
from stabbench.report.numbers import counted, listed
from stabbench.report.section import Section, SectionFigure

KINDS = {True: "failed", False: "successful"}


def section(probe: MeasuredProbe, content: Content) -> Section:
    """Perplexity over the number of layers put back; where nothing was measured, why."""
    chapter = probe.chapter(
        "Forgetting",
        "The masked-LM perplexity of fine-tuned encoders under the pretrained head, their top k layers put back to the "
        "pretrained values. If forgetting caused the failures, failed runs alone would have forgotten, and in all "
        "layers; in the paper both kinds forget, mostly in the top layers (figure 2).",
    )
    if probe.reason is not None:
        return chapter
    table, facts = probe.table("perplexity"), probe.facts
    reference, layers = facts["reference"], int(facts["layers"])
    found = [
        f"On {facts['tokens']:,} tokens of {facts['text']}, {facts['masked_tokens']:,} of them masked, the pretrained "
        f"model has a perplexity of {_perplexity(reference['perplexity'])}.",
        *(_kind_sentence(table, failed, reference["loss"], layers) for failed in (True, False)),
        _whole_sentence(table, reference["loss"], layers),
        *probe.remarks(content),
    ]
    figure = perplexity_figure(table, reference["perplexity"], layers, content)
    return replace(
        chapter,
        found=found,
        figures=[
            SectionFigure("forgetting", figure, "Perplexity over layers put back. " + " ".join(found[:3]), "perplexity")
        ],
        tables=[("Masked-LM perplexity with the top k layers put back", _grid(table, layers))],
        data={"perplexity": table},
    )


def _kind_sentence(table: pd.DataFrame, failed: bool, reference: float, layers: int) -> str:
    runs = [rows for _, rows in _layer_rows(table[table["failed"] == failed]).groupby(["strategy", "seed"], sort=False)]
    first = [_perplexity(value) for value in sorted(rows["perplexity"].iloc[0] for rows in runs)]
    recovered = [layers_to_recover(rows["loss"].tolist(), reference) for rows in runs]
    reached = [k for k in recovered if k is not None]
    runs_have = f"{counted(len(runs), f'{KINDS[failed]} run')} {'has' if len(runs) == 1 else 'have'}"
    text = f"Fine-tuned in full, {runs_have} a perplexity of {listed(first)}"
    if not reached:
        return f"{text}; no number of layers put back takes away half of the loss over the pretrained model's."
    which = "" if len(reached) == 1 else " (median)"
    some = "" if len(reached) == len(runs) else f" in {len(reached)} of them"
    layers_back = f"{counted(round(median(reached)), 'top layer')}{which} of {layers}"
    return f"{text}; {layers_back} put back take away half of the loss over the pretrained model's{some}."


def _whole_sentence(table: pd.DataFrame, reference: float, layers: int) -> str:
    whole = table[(table["top_layers"] == layers) & ~table["embeddings"]]
    medians = [
        f"{_perplexity(whole.loc[whole['failed'] == kind, 'perplexity'].median())} ({name})"
        for kind, name in KINDS.items()
    ]
    gap = (table.loc[table["embeddings"], "loss"] - reference).abs().max()
    return (
        f"With all layers put back and the embeddings still fine-tuned the median is {listed(medians)}; with the "
        f"embeddings put back too the loss is the pretrained model's (largest difference {gap:.1g} nats)."
    )


def _layer_rows(table: pd.DataFrame) -> pd.DataFrame:
    return table[~table["embeddings"]].sort_values("top_layers", kind="stable")


def _grid(table: pd.DataFrame, layers: int) -> Grid:
    shown = sorted({0, *(round(layers * quarter / 4) for quarter in (1, 2, 3)), layers})
    rows = []
    for (strategy, seed, failed), of_run in table.groupby(["strategy", "seed", "failed"], sort=False):
        by_k = _layer_rows(of_run).set_index("top_layers")["perplexity"]
        last = of_run.loc[of_run["embeddings"], "perplexity"].iloc[0]
        values = [_perplexity(by_k[k]) for k in shown] + [_perplexity(last)]
        rows.append([run_name({"strategy": strategy, "seed": seed}), KINDS[bool(failed)], *values])
    return Grid(["run", "outcome", *(f"k = {k}" for k in shown), "and embeddings"], rows)


def _perplexity(value: float) -> str:
    """Three digits, or whole above a hundred: `4.31`, `1,280`."""
    return f"{value:,.0f}" if 100 <= value < 1e7 else f"{value:#.3g}".rstrip(".")


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
