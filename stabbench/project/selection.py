"""What the plan asks for, and its selection brought up to date with the store."""

from __future__ import annotations

import os
from pathlib import Path

from stabbench.errors import UserError
from stabbench.folders import Folders
from stabbench.plan import Cell, read_plan
from stabbench.project.looking import asked
from stabbench.records import Store, lacking, select


def planned_cells(folders: Folders) -> list[tuple[Cell, Path]]:
    """Every planned cell with the folder that selects its records: the grid's, then the studies'.

    UserError where nothing is planned.
    """
    places = [(folders.plan, folders.runs)]
    places += [(plan, folders.studies / plan.name) for plan in sorted(folders.study_plans.glob("*"))]
    return [(cell, runs) for plan, runs in places for cell in read_plan(plan)]


def grid_cells(folders: Folders, *names: str | None) -> list[Cell]:
    """The planned cells of the grid that have these names (model, task, strategy), where one is given.

    UserError where there is none.
    """
    wanted = [
        cell
        for cell in read_plan(folders.plan)
        if all(name in (None, own) for name, own in zip(names, cell.name.split("/"), strict=True))
    ]
    if not wanted:
        named = "/".join(name or "*" for name in names)
        raise UserError(f"no plan file {folders.plan / named}.json: run `stabbench plan` first")
    return wanted


def select_planned(folders: Folders, store: Store) -> None:
    """Before records are read: put into the selection what the store has of the plan and the selection lacks.

    `stabbench train --all` and shards fill the store alone. In a stage of the pipeline, which has stages of its own for
    it, without a plan, and for a selection in another place than the plan's own, nothing is done.
    """
    own = Folders.of(folders.root).runs
    if "DVC_STAGE" in os.environ or folders.runs != own or not any(folders.plan.glob("*/*/*.json")):
        return
    cells, places = zip(*planned_cells(folders), strict=True)
    for cell, runs in zip(asked(cells, folders, store), places, strict=True):
        if lacking(cell, store, runs):
            select(cell, store, runs)
