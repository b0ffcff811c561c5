"""Every strategy against every other as a square: variances above the diagonal, failures below it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from stabbench.analysis.place import Place
from stabbench.report.content import Content
from stabbench.report.numbers import of_runs, p_equation, p_value
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
    unknown = bool((content.table["failed"].isna() | ((content.table["n"] > 1) & content.table["std"].isna())).any())
    block = {"pairs": tests, "matrices": matrices(content), "low": LOW, "unknown": unknown}
    return Section("pairs", "All pairs of strategies", part=RESULTS, block=block)


def matrices(content: Content) -> list[Matrix]:
    """One a model and task with at least two finished strategies."""
    found = []
    for place in content.places:
        pairs = content.pairs_at(place)
        if pairs.empty:
            continue
        by_names = {frozenset((str(pair["strategy_a"]), str(pair["strategy_b"]))): pair for _, pair in pairs.iterrows()}
        compared = frozenset().union(*by_names)
        cells = [row for _, row in content.rows(place).iterrows() if row["strategy"] in compared]
        rows = [[_entry(content, by_names, cells, i, j) for j in range(len(cells))] for i in range(len(cells))]
        found.append(Matrix(place, [str(cell["strategy"]) for cell in cells], rows))
    return found


def _entry(
    content: Content, pairs: Mapping[frozenset[str], pd.Series], cells: Sequence[pd.Series], i: int, j: int
) -> Entry | None:
    first, second = cells[min(i, j)], cells[max(i, j)]
    a, b = str(first["strategy"]), str(second["strategy"])
    pair = pairs.get(frozenset((a, b)))
    if pair is None:
        return None
    column = ABOVE if j > i else BELOW
    p, adjusted = float(pair[column]), float(pair[f"{column}_holm"])
    if column == ABOVE:
        shown = content.shown(first)
        stds = [shown.text(float(cell["std"])) for cell in (first, second)]
        what = f"{a} std {stds[0]}, {b} std {stds[1]}; Levene"
    else:
        failed = [of_runs(cell["failed"], int(cell["n"])) for cell in (first, second)]
        what = f"{a} failed {failed[0]}, {b} {failed[1]}; Fisher"
    words = f"{what} {p_equation(p)}, Holm {p_equation(adjusted)}"
    return Entry(p_value(adjusted), not math.isnan(adjusted) and adjusted < LOW, words)
