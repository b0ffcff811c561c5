"""Tasks whose seeds were trained by stages: their stars are what the declared looks decided, which keep their level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from stabbench.analysis.arms import arms_of
from stabbench.analysis.place import Place
from stabbench.analysis.sequential import PairDecision
from stabbench.analysis.spread import standard_deviation
from stabbench.looks import Design
from stabbench.records import SelectedCell, Selection
from stabbench.report.looks_words import TaskLooks
from stabbench.report.numbers import listed, plain

Looks = Mapping[Place, TaskLooks]


def looks_of(selection: Selection) -> Looks:
    """What the looks decided so far of each model and task that declares any; none where all seeds are trained."""
    places: dict[Place, list[SelectedCell]] = {}
    for item in selection.cells:
        places.setdefault(Place.of(item.cell).whole, []).append(item)
    return {
        place: TaskLooks(arms := arms_of(cells), arms.decided(design))
        for place, cells in places.items()
        if (design := cells[0].cell.looks) is not None
    }


def with_their_stars(table: pd.DataFrame, looks: Looks) -> pd.DataFrame:
    """Rows of `stability`, those of `looks` with a star where they told the smallest std from the second smallest."""
    if looks:
        table["star"] = [_star(row, looks) for row in table.to_dict("records")]
    return table


def _star(row: Mapping[Any, Any], looks: Looks) -> bool:
    found = looks.get(Place(str(row["model"]), str(row["task"])))
    if found is None:
        return bool(row["star"])
    pair = spread_of(found, str(row["strategy"]), str(row["rival"]))
    return pair is not None and pair.state == "apart" and _smaller(found, pair) == row["strategy"]


def spread_of(looks: TaskLooks, strategy: str, rival: str) -> PairDecision | None:
    """What was decided of two strategies' spread; None where the design does not ask for it, or there is no rival."""
    pairs = [pair for pair in looks.decisions.pairs if pair.question == "spread"]
    return next((pair for pair in pairs if {pair.first, pair.second} == {strategy, rival}), None)


def _smaller(looks: TaskLooks, pair: PairDecision) -> str:
    """Which of two strategies had the smaller std at the look that decided: later seeds may have turned it."""
    seeds = pair.look * looks.decisions.design.stage
    return min((pair.first, pair.second), key=lambda name: standard_deviation(looks.arms.scores[name][:seeds]))


def star_words(designs: Sequence[Design]) -> str:
    """What the star of such tasks says, after its sign."""
    levels = listed(sorted({f"α = {plain(design.alpha)}" for design in designs}))
    return f"the declared looks tell its std from the second smallest ({levels} over all pairs and looks of a task)"


def verdict(looks: TaskLooks, row: pd.Series) -> str:
    """How surely the smallest std of such a task, a row of `stability` with a rival, is smaller than the second."""
    by = f"by the declared looks (α = {plain(looks.decisions.design.alpha)})"
    pair = spread_of(looks, str(row["strategy"]), str(row["rival"]))
    if row["star"]:
        return f"told apart from the second smallest {by}"
    if pair is None:
        return "of which the declared looks ask nothing"
    return f"not yet decided {by}" if pair.state == "open" else f"not told apart from the second smallest {by}"
