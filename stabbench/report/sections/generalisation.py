"""Fig. 8: dev score over epochs, and final dev score against training loss."""

from __future__ import annotations

import math

import pandas as pd

from stabbench.analysis.generalisation import LOW_LOSS, generalisation, shares_of_variance
from stabbench.analysis.place import Place
from stabbench.report.content import Content
from stabbench.report.figures.generalisation import generalisation_figure
from stabbench.report.grid import Grid
from stabbench.report.numbers import counted, p_equation, percent, share
from stabbench.report.section import CAUSES, Data, Section, SectionFigure


def section(content: Content) -> Section:
    """A figure a model and task with finished runs."""
    table, cells = generalisation(content.runs), shares_of_variance(content.runs)
    found, figures = [], []
    for _, row in table.iterrows():
        place = Place(str(row["model"]), str(row["task"]))
        heading = content.heading(place)
        found.append(f"{heading}: {_sentence(row)}")
        if place not in content.traced:
            continue
        stem = f"generalisation-{place.stem}"
        figure, drawn = generalisation_figure(content, place, float(row["threshold"]))
        description = f"Dev score of {place.model} on {place.task} over epochs, and against training loss. {found[-1]}"
        figures.append(SectionFigure(stem, figure, description, Data(stem, drawn), place, heading))
    return Section(
        name="generalisation",
        title="Generalisation",
        looks_for=(
            "Of runs that all reach a low training loss, the paper says, some still generalise better than others, "
            "and training on does not hurt them (figure 8). Above: mean ± 1 std over each strategy's successful "
            "runs. Below: every run, a cross where it failed; training loss over the whole training set with the "
            f"final weights, dropout off; dotted: {share(LOW_LOSS)} of the loss of guessing."
        ),
        found=found or ["No run has finished."],
        part=CAUSES,
        figures=figures,
        tables=[
            (
                "Where the variance lies. Between: the share of a cell's variance that lies between its failed and its "
                f"successful runs, π(1−π)(μ_s−μ_f)². Low loss: runs under {share(LOW_LOSS)} of the loss of guessing.",
                _grid(cells, several=len(content.models) > 1),
            )
        ]
        if len(cells)
        else [],
        data={"generalisation": table, "variance": cells},
        facts={"low_loss_share": LOW_LOSS},
    )


def _sentence(row: pd.Series) -> str:
    text = (
        f"rank correlation of final training loss and score {_spearman(row['rho'], row['p'], row['n'])}; among the "
        f"successful {_spearman(row['rho_successful'], row['p_successful'], row['n_successful'])}. "
    )
    below = int(row["below"])
    if below == 0:
        return f"{text}No run has a training loss under {row['threshold']:.3f} nats."
    if below == 1:
        return f"{text}One run alone has a training loss under {row['threshold']:.3f} nats."
    failed = f", {int(row['below_failed'])} of them failed" if row["below_failed"] else ""
    return (
        f"{text}{counted(below, 'run')} under {row['threshold']:.3f} nats{failed}: std of their score "
        f"{percent(row['std_below'])}, of all runs' {percent(row['std'])}."
    )


def _spearman(rho: float, p: float, n: int) -> str:
    return f"n/a (n = {n})" if math.isnan(rho) else f"ρ\u00a0=\u00a0{rho:.2f} ({p_equation(p)}, n\u00a0=\u00a0{n})"


def _grid(cells: pd.DataFrame, *, several: bool) -> Grid:
    rows = [
        [
            f"{row['model']}: {row['task']}" if several else str(row["task"]),
            str(row["strategy"]),
            f"{row['failed']}/{row['n']}",
            percent(row["std"]),
            share(row["between"]),
            percent(row["std_successful"]),
            "n/a" if math.isnan(row["train_loss_median"]) else f"{row['train_loss_median']:.2g}",
            str(row["below"]),
            percent(row["std_below"]),
        ]
        for _, row in cells.iterrows()
    ]
    head = [
        "task", "strategy", "failed", "std", "between", "std, successful", "median training loss", "low loss: runs",
        "low loss: std",
    ]  # fmt: skip
    return Grid(head, rows, texts=2)
