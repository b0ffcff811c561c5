"""What is told of cells in training: how far they are, and what became of their runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from stabbench.plan import Cell
from stabbench.records import Record, Store


@dataclass
class CellOutcome:
    """What happened to the seeds of a cell; `errors` maps a seed to its message."""

    cell: Cell
    reused: list[int] = field(default_factory=list)
    trained: list[int] = field(default_factory=list)
    errors: dict[int, str] = field(default_factory=dict)

    def then(self, later: CellOutcome) -> CellOutcome:
        """What happened in both, one after the other: what was trained in the first is no reused run of the second."""
        reused = [seed for seed in later.reused if seed not in {*self.reused, *self.trained}]
        return CellOutcome(
            self.cell, self.reused + reused, self.trained + later.trained, {**self.errors, **later.errors}
        )


WAITING = "waiting"
"""The status of seeds that another process is training."""


@dataclass(frozen=True)
class Report:
    """How far cell number `cell` is: `status` is None while seeds are training, else how they ended, or WAITING."""

    cell: int
    seeds: tuple[int, ...]
    step: int
    total: int
    status: str | None = None


def already_there(cell: Cell, seed: int, store: Store) -> Record | None:
    """The run's finished record; None where it has to be trained, also for weights that are to be kept and can be."""
    record = store.finished(cell.fingerprint(seed))
    if record is None or seed not in cell.keep_weights:
        return record
    settled = store.weights(record) is not None or store.dead_weights(record) is not None
    return record if settled else None


Listener = Callable[[Report], None]
