"""Fig. 2c: at which training loss failed runs stay."""

from __future__ import annotations

import math

import pandas as pd

from stabbench.analysis.failed_runs import TRIVIAL, failed_runs
from stabbench.report.content import Content
from stabbench.report.figures.failed_runs import failed_figure
from stabbench.report.grid import Grid
from stabbench.report.numbers import counted, percent, share
from stabbench.report.section import CAUSES, Data, Section, SectionFigure


def section(content: Content) -> Section:
    """A figure a model and task that has failed runs; a sentence where none failed."""
    table = failed_runs(content.runs)
    found, figures = [], []
    for place in content.places:
        part = table[(table["model"] == place.model) & (table["task"] == place.task)]
        heading = content.heading(place)
        if part.empty:
            done = int(content.rows(place)["n"].sum())
            found.append(f"{heading}: none of {counted(done, 'run')} failed.")
            continue
        found.append(f"{heading}: {_sentence(part)}")
        if place not in content.traced:
            continue
        stem = f"failed-runs-{place.stem}"
        figure, drawn = failed_figure(content, place, float(part["label_entropy"].iloc[0]))
        description = f"Training loss and dev score of the failed runs on {place.task} with {place.model}. {found[-1]}"
        figures.append(SectionFigure(stem, figure, description, Data(stem, drawn), place, heading))
    return Section(
        name="failed-runs",
        title="The loss of failed runs",
        looks_for=(
            "The paper's failed runs keep the loss of guessing: they were not trained, rather than trained to "
            "something that does not generalise (figure 2c). Mean ± 1 std over the failed runs of each strategy, "
            "losses averaged over short windows of updates; dashed: the entropy of the training labels, which is the "
            "loss of guessing by their shares, and the best constant classifier's score."
        ),
        found=found,
        part=CAUSES,
        figures=figures,
        tables=[("Failed runs in numbers; loss: mean over the last epoch's updates, in nats.", _grid(table))]
        if len(table)
        else [],
        data={"failed-runs": table},
        facts={"trivial_share": TRIVIAL},
    )


def _sentence(part: pd.DataFrame) -> str:
    failed, diverged, trivial = (int(part[name].sum()) for name in ("failed", "diverged", "trivial"))
    ended = failed - diverged
    text = f"{failed} of {int(part['n'].sum())} runs of the strategies with failures failed"
    if diverged:
        text += f", {diverged} of them by diverging"
    if not ended:
        return f"{text}."
    entropy = float(part["label_entropy"].iloc[0])
    low, high = part["loss_min"].min(), part["loss_max"].max()
    average = (part["loss_mean"] * (part["failed"] - part["diverged"])).sum() / ended
    return (
        f"{text}; their training loss in the last epoch is {low:.3f} to {high:.3f} nats, {average:.3f} on average, "
        f"where guessing costs {entropy:.3f}. {trivial} of {ended} ({share(trivial / ended)}) end at {TRIVIAL:g} times "
        "that or above."
    )


def _grid(table: pd.DataFrame) -> Grid:
    several = table["model"].nunique() > 1
    rows = [
        [
            f"{row['model']}: {row['task']}" if several else str(row["task"]),
            str(row["strategy"]),
            f"{row['failed']}/{row['n']}",
            str(row["diverged"]),
            _plus_minus(row["loss_mean"], row["loss_std"]),
            f"{row['label_entropy']:.3f}",
            f"{row['trivial']}",
            f"{percent(row['score_mean'])}"
            + ("" if math.isnan(row["score_std"]) else f" ± {percent(row['score_std'])}"),
            percent(row["majority"]),
        ]
        for _, row in table.iterrows()
    ]
    head = [
        "task",
        "strategy",
        "failed",
        "diverged",
        "loss",
        "guessing",
        "at the loss of guessing",
        "score",
        "majority",
    ]
    return Grid(head, rows, texts=2)


def _plus_minus(mean: float, std: float) -> str:
    if math.isnan(mean):
        return "n/a"
    return f"{mean:.3f}" if math.isnan(std) else f"{mean:.3f} ± {std:.3f}"
