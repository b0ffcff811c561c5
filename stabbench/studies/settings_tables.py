"""What the runs of a study of settings (learning rate, epochs, bias correction) show: numbers, colours, tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pandas as pd

from stabbench.analysis.frame import finished, frame
from stabbench.analysis.place import Place
from stabbench.analysis.reported import reported_by, when_scored
from stabbench.analysis.scoring import Scoring
from stabbench.analysis.seed_sanity import seedless_cells
from stabbench.analysis.settings import correction_effects, with_settings
from stabbench.analysis.stability import stability
from stabbench.records import Selection
from stabbench.report.content import Content
from stabbench.report.figures.palette import Color, strategy_colors
from stabbench.report.grid import Grid, value_text
from stabbench.report.numbers import (
    counted,
    epochs_text,
    exponent,
    p_equation,
    p_value,
    plain,
    share,
)
from stabbench.report.shown import Shown
from stabbench.studies.settings import correction_text


def setting_text(row: pd.Series) -> str:
    """`2e-5, 3 epochs, no bias correction`."""
    return f"{exponent(row['learning_rate'])}, {epochs_text(row['epochs'])}, {correction_text(row['bias_correction'])}"


def scoring_of(selection: Selection) -> Scoring:
    """What the scores and losses of a study's runs are."""
    return Scoring.of_cells(item.cell for item in selection.cells)


@dataclasses.dataclass(frozen=True)
class Measured:
    """A study of settings of one model's or several models' training on one task."""

    runs: pd.DataFrame
    cells: pd.DataFrame
    effects: pd.DataFrame
    scoring: Scoring

    @property
    def shown(self) -> Shown:
        """How the task's scores are printed and drawn."""
        return Shown.of_cells(self.scoring, self.cells)

    @property
    def unit(self) -> str:
        """Of the task's losses, after a number."""
        return self.scoring.objective(str(self.cells["task"].iloc[0])).unit


def measured(selection: Selection, content: Content) -> Measured | None:
    """Runs, cells and `correction_effects`, all with their settings; None where no run has finished.

    Cells are those of `analysis.stability`, with the test and level of the main grid's `content`.
    """
    plain_runs = frame(selection)
    if finished(plain_runs).empty:
        return None
    runs = with_settings(plain_runs, selection)
    scoring = scoring_of(selection)
    cells = compared(plain_runs, selection, content)
    return Measured(runs, with_settings(cells, selection), correction_effects(runs), scoring)


def compared(runs: pd.DataFrame, selection: Selection, content: Content) -> pd.DataFrame:
    """`analysis.stability` of a study's runs, with the test and level of the main grid's `content`."""
    scoring = scoring_of(selection)
    return stability(
        runs,
        levene_center=content.levene_center,
        alpha=content.alpha,
        lower=scoring.lower,
        seedless=seedless_cells(runs, scoring=scoring),
    )


def strategy_like(content: Content, base: str, changes: Mapping[str, Any]) -> str | None:
    """The main grid's strategy that trains as `base` with `changes` to its recipe, at whatever learning rate.

    None where there is none, or where `base` is not in the grid.
    """
    for item in content.selection.cells:
        own = item.cell.known_recipe()
        if item.cell.strategy != base or own is None:
            continue
        expected = dataclasses.replace(own.override(changes), learning_rate=1.0)
        for other in content.cells(Place.of(item.cell).whole):
            recipe = other.cell.known_recipe()
            if recipe is None or other.cell.spec.trainer != item.cell.spec.trainer:
                continue
            if (
                dataclasses.replace(recipe, learning_rate=1.0) == expected
                and other.cell.spec.plugins == item.cell.spec.plugins
            ):
                return other.cell.strategy
    return None


def setting_color(content: Content, base: str, epochs: float, bias_correction: bool, otherwise: Color) -> Color:
    """The colour of the strategy that trains like the setting; `otherwise` where none does."""
    like = strategy_like(content, base, {"epochs": epochs, "bias_correction": bias_correction})
    return otherwise if like is None else strategy_colors(content.strategies)[like]


def settings_grid(found: Measured, *, models: bool = False) -> Grid:
    """A row a setting: std, mean and best run, and the failed runs with Wilson's interval, over n seeds."""
    cells, shown = found.cells, found.shown
    head = ["learning rate", "epochs", "bias correction", "std", "mean", shown.best, "failed", "95 % interval"]
    rows = [
        [
            exponent(row["learning_rate"]),
            plain(row["epochs"]),
            value_text(bool(row["bias_correction"])),
            *measures(row, shown),
        ]
        for _, row in cells.iterrows()
    ]
    if not models:
        return Grid(head, rows)
    return Grid(["model", *head], [[str(name), *row] for name, row in zip(cells["model"], rows, strict=True)])


def measures(row: pd.Series, shown: Shown) -> list[str]:
    """std, mean, best run, failed of n runs and Wilson's 95 % interval of their share, as a table prints them."""
    numbers = [shown.text(row[name]) for name in ("std", "mean", shown.best)]
    return [*numbers, f"{row['failed']}/{row['n']}", f"{share(row['failed_low'])} to {share(row['failed_high'])}"]


def settings_caption(found: Measured) -> str:
    """What the table of settings shows."""
    times = " × 100" if found.shown.kind.fraction else ""
    return (
        f"Score on dev ({found.shown.name}{times}) {when_scored(reported_by(found.runs).values())}, up to "
        f"{counted(int(found.cells['planned'].max()), 'seed')} a setting. std: ddof 1; failed of finished runs; "
        "interval: Wilson's, of the share of failed runs."
    )


def effects_table(found: Measured) -> list[tuple[str, Grid]]:
    """Without beside with bias correction, a row for each model, rate and epochs; no table where nothing has both."""
    effects, shown = found.effects, found.shown
    if effects.empty:
        return []
    caption = (
        "Without and with bias correction at the same rate and epochs. Failures: Fisher's exact test, Holm over this "
        "table; variances: Levene's test, median-centred."
    )
    head = [
        *("model", "learning rate", "epochs", "failed without", "failed with", "Fisher p", "Holm"),
        *("std without", "std with", "Levene p, median"),
    ]
    rows = [
        [
            str(row["model"]),
            exponent(row["learning_rate"]),
            plain(row["epochs"]),
            *(f"{row[f'failed_{side}']}/{row[f'n_{side}']}" for side in ("without", "with")),
            *(p_value(row[name]) for name in ("p_fisher", "p_fisher_holm")),
            *(shown.text(row[f"std_{side}"]) for side in ("without", "with")),
            p_value(row["p_levene"]),
        ]
        for _, row in effects.iterrows()
    ]
    return [(caption, Grid(head, rows))]


def correction_found(effects: pd.DataFrame) -> list[str]:
    """How often runs fail without and with bias correction, and where that differs most; nothing without a pair."""
    if effects.empty:
        return []
    sums = {name: int(effects[name].sum()) for name in ("failed_without", "n_without", "failed_with", "n_with")}
    text = (
        f"At the same rates and epochs {sums['failed_without']} of {sums['n_without']} runs failed without bias "
        f"correction and {sums['failed_with']} of {sums['n_with']} with it."
    )
    known = effects[effects["p_fisher"].notna()]
    if known.empty or known["p_fisher"].min() == 1:
        return [f"{text} No setting tells the two apart."]
    row = known.iloc[int(known["p_fisher"].round(12).argmin())]
    return [
        f"{text} The clearest difference is at {exponent(row['learning_rate'])}, {epochs_text(row['epochs'])}: "
        f"{row['failed_without']} of {row['n_without']} without, {row['failed_with']} of {row['n_with']} with it "
        f"(Fisher's exact test {p_equation(row['p_fisher'])}, {p_equation(row['p_fisher_holm'])} after Holm over "
        f"{len(known)})."
    ]
