"""Appendix 7.1: per-point stability, which the paper defines and does not measure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stabbench.analysis.agreement import agreement
from stabbench.analysis.example_stability import (
    RESAMPLES,
    Correctness,
    PredictedNumbers,
    by_example,
    least_stable,
    per_point_stability,
)
from stabbench.analysis.place import Place
from stabbench.report.content import Content
from stabbench.report.figures.drawing import COLUMN_WIDTH, axes_of, legend_above, new_figure
from stabbench.report.figures.palette import Color, strategy_colors
from stabbench.report.grid import Grid, cell_columns
from stabbench.report.numbers import NOT_AVAILABLE, known
from stabbench.report.per_example import per_example
from stabbench.report.section import RESULTS, Section, SectionFigure
from stabbench.report.unknowns import not_known

LISTED = 5
SEED = 0
"""Of the bootstrap."""
PANELS = {"all runs": "variance", "successful runs": "variance_successful"}
"""Columns of the tables by a panel's title."""


@dataclass(frozen=True)
class _What:
    """Of what the variance over runs is taken, in words."""

    name: str
    axis: str
    measure: str
    """What per-point stability is of it."""
    score: str
    column: str
    mean: str
    mean_text: Callable[[pd.Series], str]


_WHAT = {
    False: _What(
        name="correctness",
        axis="variance of correctness over runs (× 100)",
        measure="the variance over runs of whether an example is right, averaged over the dev set: 0 where all runs "
        "agree on every example, at most n/(4(n−1)) (paper, appendix 7.1, which defines it and does not measure it)",
        score="accuracy",
        column="accuracy_variance",
        mean="the share of runs that have it right",
        mean_text=lambda row: f"{row['correct']:.2f}",
    ),
    True: _What(
        name="prediction",
        axis="variance of the prediction over runs\n(% of the labels' variance)",
        measure="the variance over runs of what is predicted for an example, averaged over the dev set and divided by "
        "the variance of dev's labels: 0 where all runs agree on every example, 1 where they are as far apart as the "
        "labels are (after the paper's appendix 7.1, which defines it for classes)",
        score="R²",
        column="r2_variance",
        mean="what they predict on average",
        mean_text=lambda row: f"{row['prediction']:.4g}",
    ),
}
"""By whether labels are numbers."""


def section(content: Content) -> Section:
    """A figure a model and task, a row of numbers a cell, and each cell's least stable examples by row number."""
    cells = per_example(content).outcomes
    without = [item.cell for item in content.traced_cells if item.records and Place.of(item.cell) not in cells]
    tables = {cell: by_example(values) for cell, values in cells.items()}
    summary = pd.DataFrame([_row(cell, values) for cell, values in cells.items()])
    several = len(content.models) > 1
    colors, kinds = strategy_colors(content.strategies), [_WHAT[kind] for kind in _kinds(cells.values())]
    found, figures = [], []
    for place in content.traced:
        mine = {
            cell.strategy: table
            for cell, table in tables.items()
            if cell.whole == place and len(cells[cell].successful) > 1
        }
        heading = content.heading(place)
        if not mine:
            silent = not content.recorded or any(item.cell in without for item in content.cells(place))
            of = "runs with predictions" if silent else "finished runs"
            found.append(f"{heading}: no cell has two {of}.")
            continue
        here = (summary["model"] == place.model) & (summary["task"] == place.task) & summary["strategy"].isin(mine)
        found.append(f"{heading}: {_sentence(summary[here])}")
        what = _WHAT["prediction" in next(iter(mine.values()))]
        description = f"Variance of each dev example's {what.name} on {place.task} with {place.model}. {found[-1]}"
        drawn = _figure(mine, colors, what)
        figures.append(SectionFigure.of_place("example-stability", place, drawn, description, heading))
    agreeing = _agreement(content, cells)
    found += not_known(content, "what all runs predicted is", without)
    return Section(
        name="example-stability",
        title="Per-point stability",
        looks_for=_looks_for(kinds),
        found=found,
        part=RESULTS,
        figures=figures,
        tables=[
            (
                f"Per-point stability × 100, with a 95 % bootstrap interval over the examples ({RESAMPLES:,} "
                f"resamples, runs held fixed); beside it the variance of the {_joined(kinds, 'score')} × 100 over all "
                "runs.",
                _summary_grid(summary, kinds),
            ),
            (
                "The least stable examples over all runs: row number in the source, and in brackets "
                f"{_joined(kinds, 'mean')}.",
                _least_stable_grid(tables),
            ),
            *([(_AGREEMENT, _agreement_grid(agreeing, several=several))] if len(agreeing) else []),
        ]
        if cells
        else [],
        data={"stability": summary, "agreement": agreeing, "examples": _examples(tables)},
        facts={"resamples": RESAMPLES, "seed": SEED},
    )


def _kinds(found: Iterable[Correctness | PredictedNumbers]) -> list[bool]:
    """Whether labels are numbers, once each; as of classes where there is no cell."""
    return sorted({isinstance(item, PredictedNumbers) for item in found}) or [False]


def _looks_for(kinds: Sequence[_What]) -> str:
    return (
        "Two cells with the same spread of scores can differ in how often their runs disagree about one and the "
        f"same example. Per-point stability is {'; where labels are numbers, '.join(what.measure for what in kinds)}."
    )


def _joined(kinds: Sequence[_What], name: str) -> str:
    return " or ".join(getattr(what, name) for what in kinds)


def _row(cell: Place, found: Correctness | PredictedNumbers) -> dict[str, object]:
    row: dict[str, object] = cell._asdict()
    for kind, chosen in (("", slice(None)), ("_successful", found.successful)):
        result = vars(per_point_stability(found.values[chosen], np.random.default_rng(SEED)))
        if isinstance(found, PredictedNumbers):
            r2 = found.r2()[chosen]
            result = {**result, "r2_variance": float(r2.var(ddof=1)) if len(r2) > 1 else math.nan}
            del result["accuracy_variance"]
        row |= {f"{key}{kind}": value for key, value in result.items()}
    return row if found.judged else {**row, "runs_successful": pd.NA}


def _text(row: Mapping[Any, Any], kind: str) -> str:
    value, low, high = (row[f"{name}{kind}"] for name in ("value", "low", "high"))
    if math.isnan(value):
        runs = row[f"runs{kind}"]
        return NOT_AVAILABLE if pd.isna(runs) else f"{NOT_AVAILABLE} (n = {runs})"
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
    failed = ""
    if not kind and pd.notna(row["runs_successful"]):
        failed = f" ({row['runs'] - row['runs_successful']} of {row['runs']} runs failed)"
    return f"{_text(row, kind)} for {row['strategy']}{failed}"


def _summary_grid(summary: pd.DataFrame, kinds: Sequence[_What]) -> Grid:
    def score_variance(row: Mapping[Any, Any]) -> str:
        known = [row[what.column] for what in kinds if not math.isnan(row[what.column])]
        return f"{100 * known[0]:.3f}" if known else "n/a"

    columns = {
        **cell_columns(several=summary["model"].nunique() > 1),
        "runs": lambda row: str(row["runs"]),
        "all runs": lambda row: _text(row, ""),
        "successful": lambda row: known(row["runs_successful"]),
        "successful runs": lambda row: _text(row, "_successful"),
        f"variance of the {_joined(kinds, 'score')}": score_variance,
    }
    return Grid.of(summary.to_dict("records"), columns, texts=2)


def _least_stable_grid(tables: dict[Place, pd.DataFrame]) -> Grid:
    rows = []
    for cell, table in tables.items():
        chosen = least_stable(table, LISTED)
        mean = _WHAT["prediction" in table].mean_text
        examples = chosen["example"].tolist()
        texts = [f"{name} ({mean(row)})" for name, (_, row) in zip(examples, chosen.iterrows(), strict=True)]
        rows.append([cell.name, ", ".join(texts) or "none: all runs agree on every example"])
    return Grid(["cell", "examples"], rows, words=True, places=list(tables))


_AGREEMENT = (
    "How far runs agree about classes, over all and over successful runs: share of the examples to which two runs give "
    "different classes (on average over pairs), Fleiss' κ, the Jensen-Shannon divergence of their probabilities in "
    "bits × 100, and the share of the examples about which not all agree."
)


def _agreement(content: Content, cells: Mapping[Place, Correctness | PredictedNumbers]) -> pd.DataFrame:
    """A row a cell whose classes are known and of which some are successful; and its own over these."""
    rows = []
    for cell, found in cells.items():
        answers = found.answers() if isinstance(found, Correctness) else None
        if answers is None or len(answers) < 2:
            continue
        codes, probabilities = np.stack(answers), per_example(content).probabilities(cell)
        for over, chosen in (("all", np.arange(len(codes))), ("successful", np.flatnonzero(found.successful))):
            known = None if probabilities is None else [probabilities[run] for run in chosen.tolist()]
            rows.append({**cell._asdict(), "over": over, **vars(agreement(codes[chosen], known or None))})
    return pd.DataFrame(rows)


def _agreement_grid(table: pd.DataFrame, *, several: bool) -> Grid:
    def of(name: str, text: Callable[[float], str]) -> Callable[[Mapping[Any, Any]], str]:
        return lambda row: NOT_AVAILABLE if math.isnan(row[name]) else text(row[name])

    columns = {
        **cell_columns(several=several),
        "runs": lambda row: f"{row['over']} ({row['runs']})",
        "two runs disagree": of("disagreement", lambda value: f"{100 * value:.1f} %"),
        "Fleiss' κ": of("kappa", lambda value: f"{value:.2f}"),
        "divergence": of("divergence", lambda value: f"{100 * value:.2f}"),
        "not all agree": of("changing", lambda value: f"{100 * value:.1f} %"),
    }
    return Grid.of(table.to_dict("records"), columns, texts=3)


def _examples(tables: dict[Place, pd.DataFrame]) -> pd.DataFrame:
    parts = [table.assign(cell=cell.name)[["cell", *table.columns]] for cell, table in tables.items()]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _figure(
    tables: Mapping[str, pd.DataFrame], colors: Mapping[str, Color], what: _What
) -> tuple[Figure, pd.DataFrame]:
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
    rows[1][0].set_xlabel(what.axis)
    legend_above(figure, rows[0][0])
    return figure, pd.concat(parts, ignore_index=True)[["over", "strategy", "variance", "share"]]


def _steps(values: np.ndarray) -> pd.DataFrame:
    """The share of values (%) that are at most each of them."""
    variances, counts = np.unique(np.round(values, 6), return_counts=True)
    return pd.DataFrame({"variance": variances, "share": 100 * np.cumsum(counts) / max(1, values.size)})
