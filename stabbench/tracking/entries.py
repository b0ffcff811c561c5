"""What is logged where: a cell once a group (the grid, a study), a run below the first cell that has it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stabbench.plan import Cell
from stabbench.records import Record, SelectedCell, Selection
from stabbench.tracking.runs import STUDY, cell_key

GRID = "grid"


@dataclass(frozen=True)
class Entry:
    """A cell of the grid or of a study."""

    selected: SelectedCell
    study: str | None
    own: Mapping[int, Record]
    """The runs that stand below it, by seed; those that an earlier entry has too stand there."""
    row: Mapping[str, Any]
    """Its row of the stability table."""

    @property
    def cell(self) -> Cell:
        """The cell itself."""
        return self.selected.cell

    @property
    def key(self) -> str:
        """What its parent run is known by."""
        return cell_key(self.cell, self.study)

    @property
    def shared(self) -> int:
        """How many of its runs stand below an earlier entry."""
        return len(self.selected.records) - len(self.own)

    @property
    def name(self) -> str:
        """As messages name it: `model/task/strategy`, with the study that it belongs to."""
        return self.cell.name if self.study is None else f"{self.study}: {self.cell.name}"

    def run_name(self, seed: int) -> str:
        """As messages name one of its runs."""
        return f"{self.name} seed {seed}"


def entries(
    selection: Selection, rows: Mapping[tuple[str, str, str], Mapping[str, Any]], study: str | None, known: set[str]
) -> list[Entry]:
    """The cells of a selection; the fingerprints of its runs are added to `known`.

    A study's run stands below it unless the fingerprint is known already; the grid's all do.
    """
    found = []
    for selected in selection.cells:
        own = {}
        for seed, record in selected.records.items():
            if study is None or record.fingerprint not in known:
                own[seed] = record
            known.add(record.fingerprint)
        cell = selected.cell
        found.append(Entry(selected, study, own, rows[cell.model, cell.task, cell.strategy]))
    return found


def marks(found: Sequence[Entry]) -> dict[str, dict[str, str]]:
    """By fingerprint the tags `stabbench.study.<study>` of a run: the study's cells that it belongs to."""
    names: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for entry in found:
        if entry.study is not None:
            for record in entry.selected.records.values():
                names[record.fingerprint][f"{STUDY}.{entry.study}"].append(entry.cell.name)
    return {fingerprint: {tag: ", ".join(cells) for tag, cells in of.items()} for fingerprint, of in names.items()}
