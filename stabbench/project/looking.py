"""Seeds that are trained by stages: which of them the declared looks ask for, by the records that there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stabbench.files import whole_folder, write_json
from stabbench.folders import Folders
from stabbench.looks import Design
from stabbench.plan import Cell, plan_path, read_plan
from stabbench.records import SelectedCell, Store, adopt_selection


def asked(cells: Sequence[Cell], folders: Folders, store: Store) -> list[Cell]:
    """The cells, each with the seeds that its looks ask for by now; those that declare none as they are.

    All strategies of its model and task that are planned take part in a look. What lies in `runs/` and not in the store
    counts, too. UserError for a run without a score.
    """
    counts: dict[tuple[str, str], dict[str, int]] = {}
    found = []
    for cell in cells:
        if cell.looks is not None:
            group = cell.model, cell.task
            if group not in counts:
                counts[group] = _counts(group, folders, store)
            cell = replace(cell, seeds=cell.seeds[: counts[group][cell.strategy]])
        found.append(cell)
    return found


def declared(folders: Folders) -> Design | None:
    """How the plan says that seeds are looked at; None where it says nothing of it, or there is no plan."""
    looks = (cell.looks for cell in read_plan(folders.plan)) if folders.planned is not None else iter(())
    return next(looks, None)


def write_asked(folders: Folders, store: Store, into: Path) -> None:
    """Write the seeds that each cell of the grid is to have by now, a file a cell, for its stage of the pipeline."""
    with whole_folder(into) as folder:
        for cell in asked(read_plan(folders.plan), folders, store):
            write_json(plan_path(folder, cell.model, cell.task, cell.strategy), {"seeds": list(cell.seeds)})


def _counts(group: tuple[str, str], folders: Folders, store: Store) -> dict[str, int]:
    """How many seeds each strategy of a model and task is to have by now."""
    from stabbench.analysis.arms import arms_of

    cells = [Cell.read(path) for path in (folders.plan / group[0] / group[1]).glob("*.json")]
    cells = sorted((cell for cell in cells if cell.looks is not None), key=lambda cell: cell.position)
    for cell in cells:
        adopt_selection(cell, store, folders.runs)
    (design,) = {cell.looks for cell in cells if cell.looks is not None}
    return dict(arms_of([_finished(cell, store) for cell in cells]).decided(design).seeds)


def _finished(cell: Cell, store: Store) -> SelectedCell:
    records = {seed: store.finished(cell.fingerprint(seed)) for seed in cell.seeds}
    return SelectedCell(cell, {seed: record for seed, record in records.items() if record is not None})
