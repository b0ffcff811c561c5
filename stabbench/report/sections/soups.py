"""Seed soups and ensembles: the spread of k runs put together beside that of single ones."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from matplotlib.figure import Figure

from stabbench.analysis.frame import ordered
from stabbench.analysis.spread import spread
from stabbench.report.content import Content
from stabbench.report.figures.boxes import Box, draw_box, draw_majority, legend_handles, name_slots
from stabbench.report.figures.drawing import PAGE_WIDTH, axes_of, new_figure
from stabbench.report.figures.palette import strategy_colors
from stabbench.report.grid import Grid
from stabbench.report.measurement import MeasuredProbe
from stabbench.report.numbers import counted
from stabbench.report.section import Section, SectionFigure
from stabbench.report.shown import Shown

FEW = 10
"""Groups below which a standard deviation of theirs is itself little known."""


def section(probe: MeasuredProbe, content: Content) -> Section:
    """Scores of single runs, soups and ensembles; where nothing was measured, why."""
    chapter = probe.chapter(
        "Seed soups and ensembles",
        "Are k runs of one recipe, put together, steadier than one? A uniform soup is the mean of their weights, a "
        "greedy one that of those with which it does not get worse, an ensemble the mean of their outputs (Wortsman et "
        "al., 2022). Groups have no run in common. Each costs k trainings; an ensemble is k models to keep, too.",
    )
    if probe.reason is not None:
        return chapter
    table, facts = probe.table("soups"), probe.facts
    shown = Shown.of(content.scoring, str(facts["metric"]))
    rows = summary(table)
    found = [
        f"{facts['strategy']}, {counted(int(facts['runs']), 'run')} of {facts['model']}: all is scored on "
        f"{facts['examples']:,} examples of the dev set; on the other {facts['chosen_on']:,} the greedy soup chooses "
        "its members.",
        *_sentences(rows, shown),
        *probe.remarks(content),
    ]
    figure = soups_figure(table, str(facts["strategy"]), float(facts["constant"]), shown, content)
    return replace(
        chapter,
        found=found,
        figures=[SectionFigure("soups", figure, "Scores of groups of runs. " + " ".join(found[1:]), "soups")],
        tables=[(f"{shown.label} of k runs put together", _grid(rows, shown))],
        data={"soups": table},
    )


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """A row a way and k, in their order: `way`, `k`, `n` groups, `std`, `mean`, `min`, `max`, `failed`, `members`."""
    rows = []
    for (way, k), group in table.groupby(["way", "k"], sort=False):
        of = spread(group["score"].to_numpy())
        failed, members = int(group["failed"].sum()), float(group["members"].mean())
        rows.append((way, k, of.n, of.std, of.mean, of.min, of.max, failed, members))
    return pd.DataFrame(rows, columns=["way", "k", "n", "std", "mean", "min", "max", "failed", "members"])


def _sentences(rows: pd.DataFrame, shown: Shown) -> list[str]:
    single, largest = rows.iloc[0], int(rows["k"].max())
    parts = [
        f"{row['way']} {shown.text(row['std'])} around {shown.text(row['mean'])} ({row['failed']} of {row['n']} failed)"
        for _, row in rows[rows["k"] == largest].iterrows()
    ]
    text = (
        f"Single runs have a standard deviation of {shown.text(single['std'])} around {shown.text(single['mean'])} "
        f"({single['failed']} of {single['n']} failed), of {largest} runs together: {'; '.join(parts)}."
    )
    few = int(rows["n"].min())
    limit = f"A standard deviation of {few} groups is itself little known: take it for a hint." if few < FEW else ""
    return [text, *([limit] if limit else [])]


def _grid(rows: pd.DataFrame, shown: Shown) -> Grid:
    head = ["way", "k", "groups", "std", "mean", "worst", "failed", "members", "cost, in trainings", "models to run"]
    cells = [
        [
            str(row["way"]),
            str(row["k"]),
            str(row["n"]),
            shown.text(row["std"]),
            shown.text(row["mean"]),
            shown.text(row["max" if shown.kind.lower else "min"]),
            f"{row['failed']}/{row['n']}",
            f"{row['members']:.1f}",
            str(row["k"]),
            str(row["k"] if row["way"] == "ensemble" else 1),
        ]
        for _, row in rows.iterrows()
    ]
    return Grid(head, cells)


def soups_figure(table: pd.DataFrame, strategy: str, constant: float, shown: Shown, content: Content) -> Figure:
    """A box a way and k; `table` has `way`, `k`, `seeds`, `score` and `failed`."""
    figure = new_figure(PAGE_WIDTH, 2.9)
    axes = axes_of(figure, 1, 1)[0][0]
    color = strategy_colors(content.strategies).get(strategy) or strategy_colors([strategy])[strategy]
    table = table.assign(seed=table["seeds"].astype(str).str.split().str[0].astype(int))
    names = []
    for place, (way, size) in enumerate(_slots(table)):
        group = table[(table["way"] == way) & (table["k"] == size)]
        draw_box(axes, place, Box.of(group, shown.factor), color)
        names.append(way if size == 1 else f"{way}\nof {size}")
    draw_majority(axes, constant, scale=shown.factor)
    name_slots(axes, names, figure.get_figwidth())
    axes.set_ylabel(f"part of dev, {shown.label}")
    figure.legend(handles=legend_handles(content.scoring.constant), loc="outside lower right", ncols=2)
    return figure


def _slots(table: pd.DataFrame) -> list[tuple[str, int]]:
    """From left to right: the ways in their order, each by its sizes."""
    sizes = {way: sorted(table.loc[table["way"] == way, "k"].unique()) for way in ordered(table["way"])}
    return [(way, int(size)) for way, several in sizes.items() for size in several]
