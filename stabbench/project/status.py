"""What is done, failed, broken and missing, cell by cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stabbench.folders import Folders
from stabbench.notebook import html
from stabbench.plan import Cell, read_plan
from stabbench.project.looking import asked
from stabbench.records import Store, UnreadableRecordError, read_head, seed_folder
from stabbench.records.content import UNJUDGED

STATES = {
    "ok": "done", UNJUDGED: "done", "failed": "failed", "diverged": "diverged", "error": "error", "missing": "missing",
}  # fmt: skip
"""Columns of the table by the status of a record; a run without a readable record is missing. One of which nobody
knows whether it failed is done."""
COLUMNS = ("model", "task", "strategy", "seeds", *dict.fromkeys(STATES.values()))


@dataclass(frozen=True, repr=False)
class Status:
    """How many runs of each cell of the grid are in which state: `rows` have a value for each of `COLUMNS`."""

    rows: Sequence[Mapping[str, Any]]

    def table(self) -> list[tuple[str, ...]]:
        """The rows as texts."""
        return [tuple(str(row[column]) for column in COLUMNS) for row in self.rows]

    def __str__(self) -> str:
        return "\n".join("\t".join(values) for values in [COLUMNS, *self.table()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        runs, done = (sum(row[column] for row in self.rows) for column in ("seeds", "done"))
        return html([f"{done} of {runs} runs are done"], COLUMNS, self.table())


def status(folders: Folders) -> Status:
    """The state of every planned run of the grid; without a plan, as after `stabbench run`, of what is recorded.

    UserError where nothing is planned or recorded.
    """
    store, cells = Store(folders.store), _recorded(folders)
    cells = cells or asked(read_plan(folders.plan), folders, store)
    return Status([_row(cell, store, folders.runs) for cell in cells])


def _recorded(folders: Folders) -> list[Cell]:
    """The cells of the records of a folder without a plan."""
    if folders.planned is not None:
        return []
    cells = map(Cell.read, sorted(folders.runs.glob("*/*/*/cell.json")))
    return sorted(cells, key=lambda cell: cell.position)


def _row(cell: Cell, store: Store, runs: Path) -> dict[str, Any]:
    selected = runs / cell.model / cell.task / cell.strategy
    states: Counter[str] = Counter()
    for seed in cell.seeds:
        run = cell.fingerprint(seed)
        found = _status_in(store.folder(run), run) or _status_in(selected / seed_folder(seed), run) or "missing"
        states[STATES[found]] += 1
    names = {"model": cell.model, "task": cell.task, "strategy": cell.strategy}
    return {**names, "seeds": len(cell.seeds), **{state: states[state] for state in dict.fromkeys(STATES.values())}}


def _status_in(folder: Path, fingerprint: str) -> str | None:
    """The status that a record of the run has there; None where none can be read."""
    try:
        head = read_head(folder)
    except UnreadableRecordError:
        return None
    return head.status if head.fingerprint == fingerprint else None
