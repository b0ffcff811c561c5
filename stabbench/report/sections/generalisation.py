"""Fig. 8: dev score over epochs, and final dev score against training loss."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stabbench.analysis.curves import FAILED
from stabbench.analysis.frame import finished
from stabbench.analysis.generalisation import LOW_LOSS, generalisation, shares_of_variance
from stabbench.analysis.place import Place
from stabbench.report.content import Content
from stabbench.report.figures.drawing import COLUMN_WIDTH, axes_of, legend_above, logarithmic, new_figure
from stabbench.report.figures.palette import INK, MUTED, Color, strategy_colors
from stabbench.report.figures.training_curves import draw_band
from stabbench.report.grid import Grid, cell_columns
from stabbench.report.numbers import NOT_AVAILABLE, counted, known, of_runs, p_equation, share
from stabbench.report.section import CAUSES, Section, SectionFigure
from stabbench.report.unknowns import not_known

_SHORT_MEASURE = 6
"""Characters of a loss's measure that leave an axis' label on one line of a narrow figure."""


def section(content: Content) -> Section:
    """A figure a model and task with finished runs."""
    table, cells = generalisation(content.runs), shares_of_variance(content.runs)
    found, figures = [], []
    for _, row in table.iterrows():
        place = Place(str(row["model"]), str(row["task"]))
        heading = content.heading(place)
        found.append(f"{heading}: {_sentence(row, content)}")
        if place not in content.traced:
            continue
        drawn = _figure(content, place, float(row["threshold"]))
        if drawn[1].empty:
            continue
        description = f"Dev score of {place.model} on {place.task} over epochs, and against training loss. {found[-1]}"
        figures.append(SectionFigure.of_place("generalisation", place, drawn, description, heading))
    return Section(
        name="generalisation",
        title="Generalisation",
        looks_for=(
            "Of runs that all reach a low training loss, the paper says, some still generalise better than others, "
            "and training on does not hurt them (figure 8). Above: mean ± 1 std over each strategy's successful "
            "runs. Below: every run, a cross where it failed; training loss over the whole training set with the "
            f"final weights, dropout off; dotted: {share(LOW_LOSS)} of the loss of {content.scoring.guess}."
        ),
        found=[*(found or ["No run has finished."]), *_unknown(content)],
        part=CAUSES,
        figures=figures,
        tables=[
            (
                "Where the variance lies. Between: the share of a cell's variance that lies between its failed and its "
                f"successful runs, π(1−π)(μ_s−μ_f)². Low loss: runs under {share(LOW_LOSS)} of the loss of "
                f"{content.scoring.guess}.",
                _grid(cells, content),
            )
        ]
        if len(cells)
        else [],
        data={"generalisation": table, "variance": cells},
        facts={"low_loss_share": LOW_LOSS},
    )


def _unknown(content: Content) -> list[str]:
    """Of which cells the loss of the final weights, or the length of an epoch, is not known."""
    done = [item for item in content.selection.cells if item.records]
    results = {item.cell.name: [record.result for record in item.records.values()] for item in done}
    finished_ = {name: [found for found in each if found.diverged_at is None] for name, each in results.items()}
    losses = [
        item.cell
        for item in done
        if finished_[item.cell.name] and all(found.train_loss.final is None for found in finished_[item.cell.name])
    ]
    epochs = [item.cell for item in done if all(found.steps_per_epoch is None for found in results[item.cell.name])]
    return [
        *not_known(content, "the training loss of the final weights is", losses),
        *not_known(content, "how many updates an epoch has is", epochs),
    ]


def _sentence(row: pd.Series, content: Content) -> str:
    shown, unit = content.shown(row), content.scoring.objective(str(row["task"])).unit
    lower = " (lower is better)" if shown.kind.lower else ""
    text = (
        f"rank correlation of final training loss and score{lower} {_spearman(row['rho'], row['p'], row['n'])}; among "
        f"the successful {_spearman(row['rho_successful'], row['p_successful'], row['n_successful'])}. "
    )
    if math.isnan(row["threshold"]):
        return f"{text}What training loss is low is not known, as nobody says how the labels are distributed."
    below = int(row["below"])
    if below == 0:
        return f"{text}No run has a training loss under {row['threshold']:.3f}{unit}."
    if below == 1:
        return f"{text}One run alone has a training loss under {row['threshold']:.3f}{unit}."
    failed = f", {int(row['below_failed'])} of them failed" if row["below_failed"] else ""
    return (
        f"{text}{counted(below, 'run')} under {row['threshold']:.3f}{unit}{failed}: std of their score "
        f"{shown.text(row['std_below'])}, of all runs' {shown.text(row['std'])}."
    )


def _spearman(rho: float, p: float, n: int) -> str:
    return f"n/a (n = {n})" if math.isnan(rho) else f"ρ\u00a0=\u00a0{rho:.2f} ({p_equation(p)}, n\u00a0=\u00a0{n})"


def _grid(cells: pd.DataFrame, content: Content) -> Grid:
    def score(row: Mapping[str, Any], name: str) -> str:
        return content.shown(row).text(row[name])

    columns = {
        **cell_columns(several=len(content.models) > 1),
        "failed": lambda row: of_runs(row["failed"], row["n"]),
        "std": lambda row: score(row, "std"),
        "between": lambda row: share(row["between"]),
        "std, successful": lambda row: score(row, "std_successful"),
        "median training loss": lambda row: (
            "n/a" if math.isnan(row["train_loss_median"]) else f"{row['train_loss_median']:.2g}"
        ),
        "low loss: runs": lambda row: NOT_AVAILABLE if math.isnan(row["train_loss_median"]) else known(row["below"]),
        "low loss: std": lambda row: score(row, "std_below"),
    }
    return Grid.of(cells.to_dict("records"), columns, texts=2)


def _figure(content: Content, place: Place, threshold: float) -> tuple[Figure, pd.DataFrame]:
    """Curves above, points below, failed runs as crosses; a dotted line at the loss `threshold`.

    Beside the figure a table of what it shows.
    """
    figure = new_figure(COLUMN_WIDTH, 5.0)
    upper, lower = (row[0] for row in axes_of(figure, 2, 1))
    runs = finished(content.runs)
    runs = runs[(runs["model"] == place.model) & (runs["task"] == place.task) & runs["train_loss_final"].gt(0)]
    colors, shown = strategy_colors(content.strategies), content.shown_at(place)
    parts = []
    for item in content.cells(place):
        strategy, color = item.cell.strategy, colors[item.cell.strategy]
        for curves in content.curves[Place.of(item.cell)]:
            if curves.outcome != FAILED:
                epoch = next(iter(item.records.values())).result.steps_per_epoch
                if epoch is None or not curves.dev_score.step.size:
                    continue
                draw_band(
                    upper, curves.dev_score, color, label=f"{strategy} ({curves.runs})", scale=shown.factor, unit=epoch
                )
                curve = curves.dev_score
                mean = pd.DataFrame({"panel": "curves", "strategy": strategy, "epochs": curve.step / epoch})
                parts.append(mean.assign(runs=curves.runs, score=curve.mean, std=curve.std))
        _points(lower, runs[runs["strategy"] == strategy], color, strategy, shown.factor)
    majority = shown.factor * content.majority_at(place)
    for axes in (upper, lower):
        if not math.isnan(majority):
            axes.axhline(majority, color=INK, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1, label=content.constant)
        axes.set_ylabel(f"dev {shown.narrow_label}")
    upper.set_xlabel("epochs (successful runs)")
    upper.margins(x=0.02)
    upper.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(runs) and not math.isnan(threshold):
        lower.axvline(threshold, color=MUTED, linewidth=0.9, linestyle=":", zorder=1)
    if len(runs):
        logarithmic(lower, "x")
    measure = content.scoring.objective(place.task).measure
    apart = " " if len(measure) <= _SHORT_MEASURE else "\n"
    lower.set_xlabel(f"final training loss{apart}({measure}, log scale; all runs)")
    legend_above(figure, upper)
    points = runs[["strategy", "seed", "status", "score", "train_loss_final"]].assign(panel="runs")
    columns = ["panel", "strategy", "runs", "epochs", "seed", "status", "train_loss_final", "score", "std"]
    return figure, pd.concat([*parts, points], ignore_index=True).reindex(columns=columns)


def _points(axes: Axes, runs: pd.DataFrame, color: Color, label: str, factor: float) -> None:
    failed = runs["failed"].to_numpy(dtype=bool, na_value=False)
    loss, score = runs["train_loss_final"].to_numpy(np.float64), factor * runs["score"].to_numpy(np.float64)
    axes.scatter(loss[~failed], score[~failed], s=10, color=color, alpha=0.85, linewidths=0, zorder=3, label=label)
    axes.scatter(loss[failed], score[failed], s=16, color=color, marker="x", linewidths=1.0, zorder=4)
