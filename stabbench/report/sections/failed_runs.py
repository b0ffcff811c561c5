"""Fig. 2c: at which training loss failed runs stay."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from stabbench.analysis.curves import FAILED, curves_of
from stabbench.analysis.failed_runs import TRIVIAL, failed_runs
from stabbench.analysis.frame import CELL
from stabbench.analysis.place import Place
from stabbench.analysis.scoring import ObjectiveWords
from stabbench.report.content import Content
from stabbench.report.figures.boxes import DASHES
from stabbench.report.figures.drawing import COLUMN_WIDTH, axes_of, legend_above, new_figure
from stabbench.report.figures.palette import INK, strategy_colors
from stabbench.report.figures.training_curves import curve_rows, draw_band
from stabbench.report.grid import Grid, cell_columns
from stabbench.report.numbers import NOT_AVAILABLE, counted, known, share
from stabbench.report.section import CAUSES, Section, SectionFigure
from stabbench.report.unknowns import not_known

POINTS = 15
"""Windows of updates over which a run's loss is averaged: fewer than where single runs would be told apart."""


def section(content: Content) -> Section:
    """A figure a model and task that has failed runs; a sentence where none failed."""
    table = failed_runs(content.runs)
    found, figures = [], []
    for place in content.places:
        part = table[(table["model"] == place.model) & (table["task"] == place.task)]
        heading = content.heading(place)
        if part.empty:
            rows = content.rows(place)
            done = int(rows.loc[rows["failed"].notna(), "n"].sum())
            if done or rows["failed"].notna().all():
                found.append(f"{heading}: none of {counted(done, 'run')} failed.")
            continue
        found.append(f"{heading}: {_sentence(part, content.scoring.objective(place.task))}")
        if place not in content.traced:
            continue
        drawn = _figure(content, place, _entropy(part))
        if drawn[1].empty:
            continue
        description = f"Training loss and dev score of the failed runs on {place.task} with {place.model}. {found[-1]}"
        figures.append(SectionFigure.of_place("failed-runs", place, drawn, description, heading))
    unjudged = {Place(*row) for row in content.table.loc[content.table["failed"].isna(), CELL].itertuples(index=False)}
    cells = [item.cell for item in content.selection.cells if Place.of(item.cell) in unjudged]
    found += not_known(content, "which runs failed is", cells)
    return Section(
        name="failed-runs",
        title="The loss of failed runs",
        looks_for=(
            "The paper's failed runs keep the loss of guessing: they were not trained, rather than trained to "
            "something that does not generalise (figure 2c). Mean ± 1 std over the failed runs of each strategy, "
            "losses averaged over short windows of updates; dashed: "
            f"{content.scoring.trivial}, and the {content.constant}'s score."
        ),
        found=found,
        part=CAUSES,
        figures=figures,
        tables=[(_caption(content), _grid(table, content))] if len(table) else [],
        data={"failed-runs": table},
        facts={"trivial_share": TRIVIAL},
    )


def _caption(content: Content) -> str:
    return f"Failed runs in numbers; loss: mean over the last epoch's updates, {content.scoring.told}."


def _sentence(part: pd.DataFrame, words: ObjectiveWords) -> str:
    failed, diverged = (int(part[name].sum()) for name in ("failed", "diverged"))
    ended = failed - diverged
    text = f"{failed} of {int(part['n'].sum())} runs of the strategies with failures failed"
    if diverged:
        text += f", {diverged} of them by diverging"
    if not ended:
        return f"{text}."
    part = part[part["loss_mean"].notna()]
    if part.empty:
        return f"{text}; their training loss in the last epoch is not known."
    known = int((part["failed"] - part["diverged"]).sum())
    entropy = _entropy(part)
    low, high = part["loss_min"].min(), part["loss_max"].max()
    told = "" if known == ended else f", known of {known} of them,"
    average = (part["loss_mean"] * (part["failed"] - part["diverged"])).sum() / known
    text += f"; their training loss in the last epoch{told} is {low:.3f} to {high:.3f}{words.unit}, "
    text += f"{average:.3f} on average"
    part = part[part["trivial"].notna()]
    if part.empty:
        return f"{text}."
    trivial, known = int(part["trivial"].sum()), int((part["failed"] - part["diverged"]).sum())
    return (
        f"{text}, where {words.guess} costs {entropy:.3f}. {trivial} of {known} ({share(trivial / known)}) end at "
        f"{TRIVIAL:g} times that or above."
    )


def _entropy(part: pd.DataFrame) -> float:
    """The loss of guessing as the first cell has it that knows; NaN where none does."""
    known = part["label_entropy"].dropna()
    return float(known.iloc[0]) if len(known) else math.nan


def _grid(table: pd.DataFrame, content: Content) -> Grid:
    guess = content.scoring.guess
    columns = {
        **cell_columns(several=table["model"].nunique() > 1),
        "failed": lambda row: f"{row['failed']}/{row['n']}",
        "diverged": lambda row: str(row["diverged"]),
        "loss": lambda row: _plus_minus("{:.3f}".format, row["loss_mean"], row["loss_std"]),
        guess: lambda row: NOT_AVAILABLE if math.isnan(row["label_entropy"]) else f"{row['label_entropy']:.3f}",
        f"at the loss of {guess}": lambda row: known(row["trivial"]),
        "score": lambda row: _plus_minus(content.shown(row).text, row["score_mean"], row["score_std"]),
        content.scoring.column: lambda row: content.shown(row).text(row["majority"]),
    }
    return Grid.of(table.to_dict("records"), columns, texts=2)


def _plus_minus(text: Callable[[float], str], mean: float, std: float) -> str:
    if math.isnan(mean):
        return "n/a"
    return text(mean) if math.isnan(std) else f"{text(mean)} ± {text(std)}"


def _figure(content: Content, place: Place, label_entropy: float) -> tuple[Figure, pd.DataFrame]:
    """Mean ± 1 std over each strategy's failed runs, loss above score, and their table; `label_entropy` is a loss."""
    figure = new_figure(COLUMN_WIDTH, 4.3)
    upper, lower = (row[0] for row in axes_of(figure, 2, 1, sharex=True))
    colors, shown = strategy_colors(content.strategies), content.shown_at(place)
    words = content.scoring.objective(place.task)
    parts = []
    for item in content.cells(place):
        curves = curves_of(item, FAILED, POINTS)
        if curves is not None and curves.known:
            color, label = colors[item.cell.strategy], f"{item.cell.strategy} ({curves.runs})"
            draw_band(upper, curves.train_loss, color, label=label)
            draw_band(lower, curves.dev_score, color, label=label, scale=shown.factor)
            rows = curve_rows(curves)
            rows.insert(0, "strategy", item.cell.strategy)
            parts.append(rows)
    majority = content.majority_at(place)
    reference: dict[str, Any] = {"color": INK, "linewidth": 0.9, "linestyle": DASHES, "zorder": 4}
    if not math.isnan(label_entropy):
        upper.axhline(label_entropy, **reference, label=f"{words.guess}, best constant")
    if not math.isnan(majority):
        lower.axhline(shown.factor * majority, **reference)
    upper.set_ylabel(f"training loss ({words.measure})")
    lower.set_ylabel(f"dev {shown.narrow_label}")
    lower.set_xlabel("updates")
    for axes in (upper, lower):
        axes.margins(x=0.02)
    legend_above(figure, upper)
    return figure, pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
