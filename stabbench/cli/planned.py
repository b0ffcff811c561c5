"""What the plan in this folder asks for, and its selection brought up to date with the store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from stabbench.cli import options

if TYPE_CHECKING:
    from stabbench.plan import Cell

RUNS = Path("runs")
"""The folder that selects the grid's records; a study's are in `studies/<name>/`."""


def planned_cells() -> list[tuple[Cell, Path]]:
    """Every planned cell with the folder that selects its records: the grid's, then the studies'.

    UserError where nothing is planned.
    """
    from stabbench.plan import read_plan

    folders = [(Path("plan"), RUNS)]
    folders += [(folder, Path("studies") / folder.name) for folder in sorted(Path("plan/studies").glob("*"))]
    return [(cell, runs) for folder, runs in folders for cell in read_plan(folder)]


def select_planned(store: Path, runs: Path) -> None:
    """Before records are read: put into the selection what the store has of the plan and the selection lacks.

    `stabbench train --all` and shards fill the store alone. In a stage of the pipeline, which has stages of its own for
    it, without a plan, and for a selection in another place than the plan's own, nothing is done.
    """
    if "DVC_STAGE" in os.environ or runs != RUNS or not any(Path("plan").glob("*/*/*.json")):
        return
    from stabbench.records import lacking, select

    records = options.open_store(store)
    for cell, folder in planned_cells():
        if lacking(cell, records, folder):
            select(cell, records, folder)
