"""Table 1 and the other chapters that hold the report's own tables alone: failed runs, definitions, raw data."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from stabbench.analysis.calibration import false_positive_rate
from stabbench.analysis.permutation import RESAMPLED_UP_TO
from stabbench.analysis.place import Place
from stabbench.analysis.stability import MINIMUM_SEEDS
from stabbench.analysis.variances import Center
from stabbench.report.content import Content
from stabbench.report.layout import blocks
from stabbench.report.over_tasks import pooled
from stabbench.report.section import MAKING, RESULTS, Section

LISTED_RUNS = 2000
"""More are in scores.csv alone."""


def stability(content: Content) -> Section:
    """The table in blocks of tasks, what its star is worth, and all numbers of every cell."""
    cells = content.table.to_dict("records")
    block = {"blocks": blocks(content), "level": measured_level(content), "cells": cells}
    return Section("stability", "Stability", part=RESULTS, block=block)


def measured_level(content: Content) -> tuple[int, float] | None:
    """The star's real false-positive rate at the smallest n that may have one, by simulation.

    None where no cell may have one, or all have more than `RESAMPLED_UP_TO` seeds, where it is the nominal one, and
    where the declared looks give the star.
    """
    if content.looks:
        return None
    starred = content.table.loc[content.table["n"] >= MINIMUM_SEEDS, "n"]
    if starred.empty or (n := int(starred.min())) > RESAMPLED_UP_TO:
        return None
    return n, _level(n, content.alpha, content.levene_center)


@cache
def _level(n: int, alpha: float, center: Center) -> float:
    return false_positive_rate(n, alpha, center, np.random.default_rng(0))


def failures(content: Content) -> Section:
    """How many runs of each cell failed: a table a model and task, each share with its interval."""
    cells: dict[Place, list[Any]] = {place: [] for place in content.places}
    for cell in content.table.to_dict("records"):
        cells[Place(cell["model"], cell["task"])].append(cell)
    places = [(content.heading(place), place.task, rows) for place, rows in cells.items()]
    return Section("failures", "Failed runs", part=RESULTS, block={"places": places})


def definitions(content: Content) -> Section:
    """What the words and signs of the tables mean."""
    return Section("definitions", "Definitions", part=MAKING, block={})


def data(content: Content) -> Section:
    """Links to the files that hold every number, and a row a run where they are not too many."""
    runs = content.runs.to_dict("records") if len(content.runs) <= LISTED_RUNS else []
    return Section("data", "Raw data", part=MAKING, block={"runs": runs, "over_tasks": pooled(content) is not None})
