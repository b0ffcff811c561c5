"""The gate of a project's runs, or of a file of scores."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from stabbench.analysis.frame import frame
from stabbench.analysis.scoring import Scoring
from stabbench.analysis.seed_sanity import seedless_cells, seedless_records
from stabbench.folders import Folders
from stabbench.plan import read_plan
from stabbench.project.looking import asked
from stabbench.project.selection import select_planned
from stabbench.records import SelectedCell, Selection, Store
from stabbench.report.comparison import understood
from stabbench.report.gate import Source, Verdict, judge
from stabbench.report.gate_limits import Limits


@dataclass(frozen=True)
class Choice:
    """The cells that are checked, by name; all where none is given."""

    models: Collection[str] = ()
    tasks: Collection[str] = ()
    strategies: Collection[str] = ()


def check(source: Source, limits: Limits, choice: Choice = Choice(), against: Source | None = None) -> Verdict:
    """Whether the chosen cells keep to the limits; `against` is what they are compared with, if not with each other."""
    places = source.chosen(choice.models, choice.tasks, choice.strategies)
    return judge(source, places, limits, against)


def project_source(folders: Folders, store: Store) -> Source:
    """The planned cells of a project's grid, with the runs that are trained."""
    select_planned(folders, store)
    selection = Selection.read(folders.runs, plan=folders.planned, files=False)
    if folders.planned is not None:
        selection = Selection((*selection.cells, *_unselected(selection, folders, store)))
    runs = frame(selection)
    scoring = Scoring.of_cells(item.cell for item in selection.cells)
    return Source.of(runs, seedless_records(runs, selection), scoring, str(folders.runs))


def _unselected(selection: Selection, folders: Folders, store: Store) -> Sequence[SelectedCell]:
    """Planned cells of which no run was ever selected: all of their runs are missing."""
    known = {item.cell.name for item in selection.cells}
    lacking = [cell for cell in read_plan(folders.plan) if cell.name not in known]
    return [SelectedCell(cell, {}) for cell in asked(lacking, folders, store)]


def results_source(results: pd.DataFrame | Path, name: str | None = None, **settings: Any) -> Source:
    """The runs of whatever `stabbench compare` reads; `name` is what messages call it, `settings` its own."""
    called = str(results) if name is None else name
    found = understood(results, source=called, **settings)
    runs = found.runs
    scoring = Scoring.of_names(set(map(str, runs["metric"].unique())), found.lower)
    return Source.of(runs, seedless_cells(runs, lower=found.lower), scoring, called, found.notes)
