"""What somebody gets who trains once: the probability of failing, and the worst runs of each cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from stabbench.analysis.train_once import FEWEST_RUNS, train_once
from stabbench.report.content import Content
from stabbench.report.grid import Grid, cell_columns
from stabbench.report.numbers import NOT_AVAILABLE, counted, interval, share
from stabbench.report.section import RESULTS, Section


def section(content: Content) -> Section:
    """A row a cell."""
    table = train_once(content.runs, content.table, content.scoring.lower)
    few = int((table["n"] < FEWEST_RUNS).sum())
    unknown = int(table["failed"].isna().sum())
    return Section(
        name="train-once",
        title="What you get if you train once",
        looks_for=(
            "How likely a single run is to fail (share of failed runs, Wilson's 95 % interval), the score that one run "
            "in ten does not reach, and the mean of the worst fifth of the runs (conditional value at risk), beside "
            f"mean and median; failed runs are in all of them. Scores {content.units}. The tail of few runs is known "
            "badly: of 25 seeds it is five runs."
        ),
        found=[*_worst(content, table), *_gaps(few, unknown)],
        part=RESULTS,
        tables=[("A row a cell.", Grid.of(table.to_dict("records"), _columns(content), texts=2))],
        data={"train-once": table},
    )


def _columns(content: Content) -> dict[str, Any]:
    def score(name: str) -> Any:
        return lambda row: content.shown(row).text(float(row[name]))

    return {
        **cell_columns(len(content.models) > 1),
        "runs": lambda row: str(row["n"]),
        "fails": _fails,
        "mean": score("mean"),
        "median": score("median"),
        "worst tenth": score("worst_tenth"),
        "worst fifth, mean": score("worst_fifth_mean"),
        "worst": score("worst"),
    }


def _fails(row: Mapping[Any, Any]) -> str:
    if pd.isna(row["failed_share"]):
        return NOT_AVAILABLE
    return f"{share(row['failed_share'])} ({interval(row['failed_low'], row['failed_high'])})"


def _worst(content: Content, table: pd.DataFrame) -> list[str]:
    """Of each model and task the strategy whose worst fifth is best, for as many as have a figure."""
    found = []
    for place in content.drawn:
        rows = table[(table["model"] == place.model) & (table["task"] == place.task)].dropna(subset="worst_fifth_mean")
        if len(rows) < 2:
            continue
        shown = content.shown_at(place)
        by_worst = rows.sort_values("worst_fifth_mean", ascending=shown.kind.lower, kind="stable")
        best, worst = by_worst.iloc[0], by_worst.iloc[-1]
        if best["worst_fifth_mean"] == worst["worst_fifth_mean"]:
            continue
        found.append(
            f"{content.heading(place)}: the worst fifth of the runs has a mean {shown.name} of "
            f"{shown.text(best['worst_fifth_mean'])} with {best['strategy']}, of "
            f"{shown.text(worst['worst_fifth_mean'])} with {worst['strategy']}."
        )
    return found


def _gaps(few: int, unknown: int) -> list[str]:
    texts = []
    if few:
        texts.append(f"Of {counted(few, 'cell')} with fewer than {FEWEST_RUNS} runs nothing is said of the tail.")
    if unknown:
        texts.append(f"Of {counted(unknown, 'cell')} it is not known which runs failed.")
    return texts or ["All cells have runs enough for a tail."]
