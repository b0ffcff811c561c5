"""The chapter of learning rates: box plots, a panel a strategy, and where no run fails."""

from __future__ import annotations

import dataclasses
import math

import pandas as pd

from stabbench.analysis.frame import finished, frame
from stabbench.analysis.reported import reported_by, when_scored
from stabbench.records import Selection
from stabbench.report.content import Content
from stabbench.report.figures.palette import MUTED, strategy_colors
from stabbench.report.figures.rates import rates_figure
from stabbench.report.grid import Grid
from stabbench.report.numbers import counted, exponent, listed
from stabbench.report.section import Section, SectionFigure
from stabbench.report.shown import Shown
from stabbench.studies.rates.options import RatesOptions, cell_name
from stabbench.studies.settings_tables import compared, measures, scoring_of

_FLATTERS = (
    "The best rate was found on the runs that it is judged by here, which flatters it, the more so the more rates were "
    "tried: confirm it on other seeds before it is claimed."
)


def section(name: str, options: RatesOptions, selection: Selection, content: Content) -> Section:
    """What became of each strategy at each of its rates."""
    bare = Section(
        name=name,
        title="Learning rates",
        looks_for=(
            f"{listed(list(options.strategies))} with {options.model} on {options.task}, each at several learning "
            "rates. A recipe that is stable over a wide range of rates forgives a wrong guess; one that is compared at "
            "a single rate, which may suit another better, is compared unfairly."
        ),
        found=["No run of this study has finished."],
    )
    plain_runs = frame(selection)
    if finished(plain_runs).empty:
        return bare
    scoring = scoring_of(selection)
    runs = with_rates(plain_runs, options)
    cells = with_rates(compared(plain_runs, selection, content), options)
    shown = Shown.of_cells(scoring, cells)
    colors = {name: strategy_colors(content.strategies).get(name, MUTED) for name in options.strategies}
    best = best_rates(cells, lower=shown.kind.lower)
    found = [
        *(_found(strategy, part, shown) for strategy, part in cells.groupby("base", sort=False)),
        _across(best, shown),
    ]
    return dataclasses.replace(
        bare,
        found=found,
        figures=[
            SectionFigure("rates", rates_figure(runs, colors, scoring), " ".join(["Scores by rate.", *found]), "runs")
        ],
        tables=[(_caption(cells, shown, when_scored(reported_by(runs).values())), _grid(cells, best, shown))],
        data={"rates": cells, "runs": runs},
        facts={"rates": {strategy: list(rates) for strategy, rates in options.strategies.items()}},
    )


def with_rates(table: pd.DataFrame, options: RatesOptions) -> pd.DataFrame:
    """A table with a row a run or cell, with its strategy as `base` and its `learning_rate`, in the study's order."""
    rows = [
        (cell_name(strategy, rate), strategy, rate) for strategy, rates in options.strategies.items() for rate in rates
    ]
    names = pd.DataFrame(rows, columns=["strategy", "base", "learning_rate"])
    found = table.merge(names, on="strategy", how="left", validate="many_to_one")
    place = {name: number for number, (name, _, _) in enumerate(rows)}
    return found.sort_values("strategy", key=lambda column: column.map(place), kind="stable", ignore_index=True)


def best_rates(cells: pd.DataFrame, *, lower: bool) -> pd.DataFrame:
    """The row of each strategy's rate with the best mean, in their order; of equal means the smaller rate's."""
    ranked = cells[cells["mean"].notna()].sort_values(["mean", "learning_rate"], ascending=[lower, True], kind="stable")
    return ranked.drop_duplicates("base").sort_index()


def _found(strategy: object, cells: pd.DataFrame, shown: Shown) -> str:
    free = cells[cells["failed"] == 0].sort_values("learning_rate")
    rates = [exponent(rate) for rate in free["learning_rate"]]
    if not rates:
        return f"{strategy}: runs failed at every rate."
    ends = sorted(free["learning_rate"])
    span = ends[-1] / ends[0]
    wide = f", a span of {span:.3g}" if len(rates) > 1 and _neighbours(cells) else ""
    stds = [shown.text(std) for std in free["std"]]
    each = stds if len(rates) == 1 else [f"{std} at {rate}" for std, rate in zip(stds, rates, strict=True)]
    return f"{strategy}: no run failed at {listed(rates)}{wide}; std {listed(each)}."


def _neighbours(cells: pd.DataFrame) -> bool:
    """Whether the rates without a failure have none with one between them."""
    free = (cells.sort_values("learning_rate")["failed"] == 0).to_numpy()
    first, last = free.argmax(), len(free) - free[::-1].argmax()
    return bool(free[first:last].all())


def _across(best: pd.DataFrame, shown: Shown) -> str:
    if len(best) < 2:
        return _FLATTERS
    parts = [
        f"{row['base']} {shown.text(row['mean'])} at {exponent(row['learning_rate'])} (std {shown.text(row['std'])}, "
        f"{row['failed']} of {row['n']} failed)"
        for _, row in best.iterrows()
    ]
    apart = float(best["mean"].max() - best["mean"].min())
    each = f"Each at the rate with its best mean: {'; '.join(parts)}"
    return f"{each}: these means are {shown.text(apart)} apart. {_FLATTERS}"


def _caption(cells: pd.DataFrame, shown: Shown, when: str) -> str:
    times = " × 100" if shown.kind.fraction else ""
    return (
        f"Score on dev ({shown.name}{times}) {when}, up to {counted(int(cells['planned'].max()), 'seed')} a "
        "rate. std: ddof 1; failed of finished runs; interval: Wilson's, of the share of failed runs; →: the rate with "
        "the strategy's best mean."
    )


def _grid(cells: pd.DataFrame, best: pd.DataFrame, shown: Shown) -> Grid:
    marked = set(best["strategy"])
    rows = [
        [
            str(row["base"]),
            f"{'→ ' if row['strategy'] in marked else ''}{exponent(row['learning_rate'])}",
            *(measures(row, shown) if not math.isnan(row["mean"]) else ["n/a"] * 5),
        ]
        for _, row in cells.iterrows()
    ]
    return Grid(["strategy", "learning rate", "std", "mean", shown.best, "failed", "95 % interval"], rows)
