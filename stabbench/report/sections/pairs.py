"""Every strategy against every other as a square: variances above the diagonal, failures below it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from stabbench.analysis.frame import ordered
from stabbench.analysis.place import Place
from stabbench.metrics.contract import MetricKind
from stabbench.report.content import Content
from stabbench.report.numbers import of_runs, p_equation, p_value, score_text
from stabbench.report.section import RESULTS, Section

LOW = 0.05
ABOVE, BELOW = "p_levene_median", "p_fisher"
"""The p-values above and below the diagonal."""


@dataclass(frozen=True)
class Entry:
    """A pair: Holm's p-value as text, whether it is under `LOW`, and the pair's numbers in words."""

    text: str
    low: bool
    words: str


@dataclass(frozen=True)
class Matrix:
    """A model and task; `rows` holds an entry a column, None on the diagonal and where a pair was not compared."""

    place: Place
    names: Sequence[str]
    rows: Sequence[Sequence[Entry | None]]


def section(content: Content) -> Section:
    """A square a model and task, and a row a test."""
    pairs = content.pairs.to_dict("records")
    tests = [{**pair, "heading": content.heading(Place(pair["model"], pair["task"]))} for pair in pairs]
    block = {"pairs": tests, "matrices": matrices(content), "low": LOW}
    return Section("pairs", "All pairs of strategies", part=RESULTS, block=block)


def matrices(content: Content) -> list[Matrix]:
    """One a model and task with at least two finished strategies."""
    found = []
    for place in content.places:
        pairs = content.pairs[(content.pairs["model"] == place.model) & (content.pairs["task"] == place.task)]
        if pairs.empty:
            continue
        by_names = {(str(pair["strategy_a"]), str(pair["strategy_b"])): pair for _, pair in pairs.iterrows()}
        cells = {str(row["strategy"]): row for _, row in content.rows(place).iterrows()}
        names = ordered(pd.concat([pairs["strategy_a"], pairs["strategy_b"]]))
        names.sort(key=list(cells).index)
        kind = content.kind(str(next(iter(cells.values()))["metric"]))
        rows = [[_entry(by_names, cells, names, kind, i, j) for j in range(len(names))] for i in range(len(names))]
        found.append(Matrix(place, names, rows))
    return found


def _entry(
    pairs: Mapping[tuple[str, str], pd.Series],
    cells: Mapping[str, pd.Series],
    names: Sequence[str],
    kind: MetricKind,
    i: int,
    j: int,
) -> Entry | None:
    a, b = names[min(i, j)], names[max(i, j)]
    pair = pairs.get((a, b), pairs.get((b, a)))
    if i == j or pair is None:
        return None
    column = ABOVE if j > i else BELOW
    p, adjusted = float(pair[column]), float(pair[f"{column}_holm"])
    if column == ABOVE:
        stds = [score_text(float(cells[name]["std"]), kind) for name in (a, b)]
        what = f"{a} std {stds[0]}, {b} std {stds[1]}; Levene"
    else:
        what = f"{a} failed {_failed(cells[a])}, {b} {_failed(cells[b])}; Fisher"
    words = f"{what} {p_equation(p)}, Holm {p_equation(adjusted)}"
    return Entry(p_value(adjusted), not math.isnan(adjusted) and adjusted < LOW, words)


def _failed(cell: pd.Series) -> str:
    return of_runs(cell["failed"], int(cell["n"]))
