"""Appendix 7.1: per-point stability, which the paper defines and does not measure."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from stabbench.analysis.example_stability import (
    RESAMPLES,
    Correctness,
    PerPointStability,
    by_example,
    correctness,
    least_stable,
    per_point_stability,
)
from stabbench.analysis.place import Place
from stabbench.report.content import Content
from stabbench.report.figures.example_variances import variance_figure
from stabbench.report.figures.palette import strategy_colors
from stabbench.report.grid import Grid
from stabbench.report.section import RESULTS, Data, Section, SectionFigure

LISTED = 5
SEED = 0
"""Of the bootstrap."""


def section(content: Content) -> Section:
    """A figure a model and task, a row of numbers a cell, and each cell's least stable examples by row number."""
    read = {Place.of(item.cell): correctness(item) for item in content.traced_cells}
    cells = {cell: values for cell, values in read.items() if values is not None}
    tables = {cell: by_example(values) for cell, values in cells.items()}
    summary = pd.DataFrame([_row(cell, values) for cell, values in cells.items()])
    colors = strategy_colors(content.strategies)
    found, figures = [], []
    for place in content.traced:
        mine = {
            cell.strategy: table
            for cell, table in tables.items()
            if cell.whole == place and len(cells[cell].correct) > 1
        }
        heading = content.heading(place)
        if not mine:
            found.append(f"{heading}: no cell has two finished runs.")
            continue
        here = (summary["model"] == place.model) & (summary["task"] == place.task) & summary["strategy"].isin(mine)
        found.append(f"{heading}: {_sentence(summary[here])}")
        stem = f"example-stability-{place.stem}"
        figure, drawn = variance_figure(mine, colors)
        description = f"Variance of each dev example's correctness on {place.task} with {place.model}. {found[-1]}"
        figures.append(SectionFigure(stem, figure, description, Data(stem, drawn), place, heading))
    return Section(
        name="example-stability",
        title="Per-point stability",
        looks_for=(
            "Two cells with the same spread of scores can differ in how often their runs disagree about one and the "
            "same example. Per-point stability is the variance over runs of whether an example is right, averaged "
            "over the dev set: 0 where all runs agree on every example, at most n/(4(n−1)) (paper, appendix 7.1, "
            "which defines it and does not measure it)."
        ),
        found=found,
        part=RESULTS,
        figures=figures,
        tables=[
            (
                f"Per-point stability × 100, with a 95 % bootstrap interval over the examples ({RESAMPLES:,} "
                "resamples, runs held fixed); beside it the variance of the accuracy × 100 over all runs.",
                _summary_grid(summary),
            ),
            (
                "The least stable examples over all runs: row number in the source, and in brackets the share of "
                "runs that have it right.",
                _least_stable_grid(tables),
            ),
        ]
        if cells
        else [],
        data={"stability": summary, "examples": _examples(tables)},
        facts={"resamples": RESAMPLES, "seed": SEED},
    )


def _row(cell: Place, found: Correctness) -> dict[str, object]:
    row: dict[str, object] = cell._asdict()
    for kind, correct in (("", found.correct), ("_successful", found.correct[found.successful])):
        result = per_point_stability(correct, np.random.default_rng(SEED))
        row |= {f"{key}{kind}": value for key, value in vars(result).items()}
    return row


def _of(row: pd.Series, kind: str) -> PerPointStability:
    names = ("runs", "value", "low", "high", "accuracy_variance")
    return PerPointStability(*(row[f"{name}{kind}"] for name in names))


def _text(result: PerPointStability) -> str:
    if math.isnan(result.value):
        return f"n/a (n = {result.runs})"
    return f"{100 * result.value:.2f} [{100 * result.low:.2f}, {100 * result.high:.2f}]"


def _sentence(rows: pd.DataFrame) -> str:
    pieces = []
    for kind, over in (("", "all runs"), ("_successful", "successful runs")):
        known = rows[rows[f"value{kind}"].notna()].sort_values(f"value{kind}", kind="stable")
        ends = [_named(row, kind) for _, row in known.iterrows()]
        if ends:
            pieces.append(f"over {over} from {ends[0]} to {ends[-1]}" if len(ends) > 1 else f"over {over} {ends[0]}")
    return f"{'; '.join(pieces)} (× 100)."


def _named(row: pd.Series, kind: str) -> str:
    failed = "" if kind else f" ({row['runs'] - row['runs_successful']} of {row['runs']} runs failed)"
    return f"{_text(_of(row, kind))} for {row['strategy']}{failed}"


def _summary_grid(summary: pd.DataFrame) -> Grid:
    several = summary["model"].nunique() > 1
    rows = []
    for _, row in summary.iterrows():
        whole, successful = _of(row, ""), _of(row, "_successful")
        variance = whole.accuracy_variance
        rows.append(
            [
                f"{row['model']}: {row['task']}" if several else str(row["task"]),
                str(row["strategy"]),
                str(whole.runs),
                _text(whole),
                str(successful.runs),
                _text(successful),
                "n/a" if math.isnan(variance) else f"{100 * variance:.3f}",
            ]
        )
    head = ["task", "strategy", "runs", "all runs", "successful", "successful runs", "variance of the accuracy"]
    return Grid(head, rows, texts=2)


def _least_stable_grid(tables: dict[Place, pd.DataFrame]) -> Grid:
    rows = []
    for cell, table in tables.items():
        chosen = least_stable(table, LISTED)
        texts = [f"{row['example']:.0f} ({row['correct']:.2f})" for _, row in chosen.iterrows()]
        rows.append([cell.name, ", ".join(texts) or "none: all runs agree on every example"])
    return Grid(["cell", "examples"], rows, words=True, places=list(tables))


def _examples(tables: dict[Place, pd.DataFrame]) -> pd.DataFrame:
    parts = [table.assign(cell=cell.name)[["cell", *table.columns]] for cell, table in tables.items()]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
