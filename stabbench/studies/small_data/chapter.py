"""The chapter of small training sets: a box for each condition and task; failures and spreads compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import pandas as pd

from stabbench.analysis.frame import finished, frame
from stabbench.analysis.pairwise import pairwise
from stabbench.analysis.reported import reported_by, when_scored
from stabbench.plan import Cell
from stabbench.records import Selection
from stabbench.report.content import Content
from stabbench.report.figures.conditions import Condition, conditions_figure
from stabbench.report.figures.palette import MUTED, strategy_colors
from stabbench.report.grid import Grid
from stabbench.report.numbers import epochs_text, p_equation
from stabbench.report.section import Section, SectionFigure
from stabbench.report.shown import HUNDREDTHS, Shown, unit_words
from stabbench.studies.settings_tables import compared, measures, scoring_of
from stabbench.studies.small_data.options import FULL, OURS, SAME_EPOCHS, SAME_UPDATES, SmallDataOptions

_NAMES = {
    FULL: "the full set",
    SAME_EPOCHS: "the sample with as many epochs",
    SAME_UPDATES: "the sample with as many updates",
    OURS: "the other strategy on the full set",
}
CONTRASTS = ((FULL, SAME_EPOCHS), (SAME_EPOCHS, SAME_UPDATES), (FULL, SAME_UPDATES), (FULL, OURS))


def section(name: str, options: SmallDataOptions, selection: Selection, content: Content) -> Section:
    """A box for each condition and task; failures and spreads of the conditions compared."""
    bare = Section(
        name=name,
        title="Small training sets",
        looks_for=(
            f"{options.strategy} with {options.model} on a full training set and on a sample of it, once for as "
            "many epochs and once for as many updates as on the full set. In the paper (figure 3, table 4) the "
            "sample fails far more often with as many epochs, and about as rarely as the full set with as many "
            "updates, at a lower score."
        ),
        found=["No run of this study has finished."],
    )
    cells = _cells(options, selection)
    runs = _by_condition(frame(selection), cells)
    if finished(runs).empty:
        return bare
    scoring, table = scoring_of(selection), compared(runs, selection, content)
    by_task = table.groupby("task", sort=False, observed=True)
    shown = {str(task): Shown.of_cells(scoring, rows) for task, rows in by_task}
    pairs = pairwise(runs)
    tasks = [pair.full for pair in options.pairs]
    known = strategy_colors(content.strategies)
    conditions = {
        task: [
            Condition(condition, _label(cell, condition), known.get(_strategy(condition, options), MUTED))
            for (of, condition), cell in cells.items()
            if of == task
        ]
        for task in tasks
    }
    found = [
        text
        for task in tasks
        for text in (
            _measured(task, table[table["task"] == task], _texts(task, cells, options), shown[task]),
            _compared(pairs[pairs["task"] == task]),
        )
    ]
    return dataclasses.replace(
        bare,
        found=found,
        figures=[
            SectionFigure(
                "small-data",
                conditions_figure(runs, conditions, scoring),
                f"Scores of all runs. {' '.join(found)}",
                "runs",
            )
        ],
        tables=[
            (
                _caption(list(shown.values()), when_scored(reported_by(runs).values())),
                _grid(table, cells, options, shown),
            )
        ],
        data={"conditions": table, "runs": runs, "pairs": pairs},
        facts={"pairs": [pair.model_dump() for pair in options.pairs]},
    )


def _cells(options: SmallDataOptions, selection: Selection) -> dict[tuple[str, str], Cell]:
    """The cells of the study by (full task, condition), in the order of tables and figures."""
    found = {(item.cell.task, item.cell.strategy): item.cell for item in selection.cells}
    cells = {}
    for pair in options.pairs:
        for condition, name in options.names(pair).items():
            place = (pair.full if condition in (FULL, OURS) else pair.sample, name)
            if place in found:
                cells[pair.full, condition] = found[place]
    return cells


def _by_condition(runs: pd.DataFrame, cells: Mapping[tuple[str, str], Cell]) -> pd.DataFrame:
    """Runs with the full task as `task` and the condition as `strategy`."""
    parts = [
        runs[(runs["task"] == cell.task) & (runs["strategy"] == cell.strategy)].assign(task=task, strategy=condition)
        for (task, condition), cell in cells.items()
    ]
    return pd.concat(parts, ignore_index=True) if parts else runs.iloc[:0]


def _strategy(condition: str, options: SmallDataOptions) -> str:
    return options.ours if condition == OURS and options.ours is not None else options.strategy


def _epochs(cell: Cell) -> str:
    recipe, examples = cell.recipe(), cell.task_facts.counts["train"]
    return epochs_text(round(recipe.updates(examples) / recipe.steps_per_epoch(examples), 1))


def _label(cell: Cell, condition: str) -> str:
    lines = [f"n = {cell.task_facts.counts['train']:,}", _epochs(cell)]
    return "\n".join([*lines, cell.strategy] if condition == OURS else lines)


def _texts(task: str, cells: Mapping[tuple[str, str], Cell], options: SmallDataOptions) -> dict[str, str]:
    """`devlin, 1,000 examples, 71 epochs` for each condition of a task."""
    return {
        condition: f"{_strategy(condition, options)}, {cell.task_facts.counts['train']:,} examples, {_epochs(cell)}"
        for (of, condition), cell in cells.items()
        if of == task
    }


def _measured(task: str, table: pd.DataFrame, texts: Mapping[str, str], shown: Shown) -> str:
    rows = {str(row["strategy"]): row for _, row in table.iterrows()}
    parts = [
        f"{text}: {rows[condition]['failed']} of {rows[condition]['n']} failed, std "
        f"{shown.text(rows[condition]['std'])}, mean {shown.text(rows[condition]['mean'])}"
        for condition, text in texts.items()
    ]
    return f"{task}. {'; '.join(parts)}."


def _compared(pairs: pd.DataFrame) -> str:
    tests = [
        f"{_NAMES[a]} and {_NAMES[b]} {p_equation(row['p_fisher'])} and {p_equation(row['p_levene_median'])}"
        for a, b in CONTRASTS
        for _, row in pairs.iterrows()
        if {row["strategy_a"], row["strategy_b"]} == {a, b}
    ]
    if not tests:
        return "Fewer than two conditions have finished runs, so nothing is compared."
    return f"Failures (Fisher's exact test) and variances (Levene's, median-centred): {'; '.join(tests)}."


def _caption(shown: Sequence[Shown], when: str) -> str:
    units = unit_words(shown)
    return (
        f"Scores on dev {units if units == HUNDREDTHS else f'({units})'} {when}; std: ddof 1; failed of "
        "finished runs; interval: Wilson's, of the share of failed runs."
    )


def _grid(
    table: pd.DataFrame, cells: Mapping[tuple[str, str], Cell], options: SmallDataOptions, shown: Mapping[str, Shown]
) -> Grid:
    rows = []
    for _, row in table.iterrows():
        condition = str(row["strategy"])
        cell = cells[str(row["task"]), condition]
        examples = cell.task_facts.counts["train"]
        sizes = [f"{examples:,}", _epochs(cell), f"{cell.recipe().updates(examples):,}"]
        how = shown[str(row["task"])]
        rows.append([cell.task, _strategy(condition, options), *sizes, how.name, *measures(row, how)])
    best = " or ".join(dict.fromkeys(item.best for item in shown.values()))
    head = ["task", "strategy", "examples", "epochs", "updates", "metric", "std", "mean", best, "failed"]
    return Grid([*head, "95 % interval"], rows)
