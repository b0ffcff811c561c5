"""Appendix 7.1: per-point stability, which the paper defines and does not measure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stabbench.analysis.example_stability import (
    RESAMPLES,
    Correctness,
    by_example,
    correctness,
    least_stable,
    per_point_stability,
)
from stabbench.analysis.place import Place
from stabbench.report.content import Content
from stabbench.report.figures.drawing import COLUMN_WIDTH, axes_of, legend_above, new_figure
from stabbench.report.figures.palette import Color, strategy_colors
from stabbench.report.grid import Grid, cell_columns
from stabbench.report.section import RESULTS, Section, SectionFigure

LISTED = 5
SEED = 0
"""Of the bootstrap."""
PANELS = {"all runs": "variance", "successful runs": "variance_successful"}
"""Columns of the tables by a panel's title."""


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
        description = f"Variance of each dev example's correctness on {place.task} with {place.model}. {found[-1]}"
        drawn = _figure(mine, colors)
        figures.append(SectionFigure.of_place("example-stability", place, drawn, description, heading))
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


def _text(row: Mapping[Any, Any], kind: str) -> str:
    value, low, high = (row[f"{name}{kind}"] for name in ("value", "low", "high"))
    if math.isnan(value):
        return f"n/a (n = {row[f'runs{kind}']})"
    return f"{100 * value:.2f} [{100 * low:.2f}, {100 * high:.2f}]"


def _sentence(rows: pd.DataFrame) -> str:
    pieces = []
    for kind, over in (("", "all runs"), ("_successful", "successful runs")):
        known = rows[rows[f"value{kind}"].notna()].sort_values(f"value{kind}", kind="stable")
        ends = [_named(row, kind) for row in known.to_dict("records")]
        if ends:
            pieces.append(f"over {over} from {ends[0]} to {ends[-1]}" if len(ends) > 1 else f"over {over} {ends[0]}")
    return f"{'; '.join(pieces)} (× 100)."


def _named(row: Mapping[Any, Any], kind: str) -> str:
    failed = "" if kind else f" ({row['runs'] - row['runs_successful']} of {row['runs']} runs failed)"
    return f"{_text(row, kind)} for {row['strategy']}{failed}"


def _summary_grid(summary: pd.DataFrame) -> Grid:
    columns = {
        **cell_columns(several=summary["model"].nunique() > 1),
        "runs": lambda row: str(row["runs"]),
        "all runs": lambda row: _text(row, ""),
        "successful": lambda row: str(row["runs_successful"]),
        "successful runs": lambda row: _text(row, "_successful"),
        "variance of the accuracy": lambda row: (
            "n/a" if math.isnan(row["accuracy_variance"]) else f"{100 * row['accuracy_variance']:.3f}"
        ),
    }
    return Grid.of(summary.to_dict("records"), columns, texts=2)


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


def _figure(tables: Mapping[str, pd.DataFrame], colors: Mapping[str, Color]) -> tuple[Figure, pd.DataFrame]:
    """The share of examples with at most so much variance, from `by_example` tables by strategy; and what it shows."""
    figure = new_figure(COLUMN_WIDTH, 4.3)
    rows = axes_of(figure, 2, 1, sharex=True, sharey=True)
    parts = []
    for (axes,), (title, column) in zip(rows, PANELS.items(), strict=True):
        for strategy, table in tables.items():
            steps = _steps(100 * table[column].dropna().to_numpy(np.float64))
            if len(steps):
                across, up = [steps["variance"].iloc[0], *steps["variance"]], [0, *steps["share"]]
                axes.step(across, up, where="post", color=colors[strategy], linewidth=1.4, label=strategy)
            parts.append(steps.assign(over=title, strategy=strategy))
        axes.set_title(title)
        axes.set_ylabel("share of dev examples (%)")
        axes.set_ylim(0, 102)
    rows[1][0].set_xlabel("variance of correctness over runs (× 100)")
    legend_above(figure, rows[0][0])
    return figure, pd.concat(parts, ignore_index=True)[["over", "strategy", "variance", "share"]]


def _steps(values: np.ndarray) -> pd.DataFrame:
    """The share of values (%) that are at most each of them."""
    variances, counts = np.unique(np.round(values, 6), return_counts=True)
    return pd.DataFrame({"variance": variances, "share": 100 * np.cumsum(counts) / max(1, values.size)})
