"""What is done, failed, broken and missing, cell by cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stabbench.folders import Folders
from stabbench.notebook import html
from stabbench.plan import Cell, read_plan
from stabbench.records import Record, Store, UnreadableRecordError, seed_folder

STATES = {"ok": "done", "failed": "failed", "diverged": "diverged", "error": "error", "missing": "missing"}
"""Columns of the table by the status of a record; a run without a readable record is missing."""
COLUMNS = ("model", "task", "strategy", "seeds", *STATES.values())


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
    """The state of every planned run of the grid; UserError where nothing is planned."""
    return Status([_row(cell, folders) for cell in read_plan(folders.plan)])


def _row(cell: Cell, folders: Folders) -> dict[str, Any]:
    states = Counter(STATES[_state(cell, seed, folders)] for seed in cell.seeds)
    names = {"model": cell.model, "task": cell.task, "strategy": cell.strategy}
    return {**names, "seeds": len(cell.seeds), **{state: states[state] for state in STATES.values()}}


def _state(cell: Cell, seed: int, folders: Folders) -> str:
    fingerprint = cell.fingerprint(seed)
    selected = folders.runs / cell.model / cell.task / cell.strategy / seed_folder(seed)
    for folder in (Store(folders.store).folder(fingerprint), selected):
        try:
            record = Record.read(folder, verify=False)
        except UnreadableRecordError:
            continue
        if record.fingerprint == fingerprint:
            return record.status
    return "missing"
