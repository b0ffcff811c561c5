"""The final weights of finished runs: those that were kept, else from training the runs again."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stabbench.errors import UserError
from stabbench.execution.grid import train_cells
from stabbench.execution.settings import Settings
from stabbench.plan import Cell
from stabbench.records import KeptWeights, Record, Store
from stabbench.records.dead_weights import DeadWeightsError


@dataclass(frozen=True)
class RunWithWeights:
    """A finished run and its final weights."""

    cell: Cell
    seed: int
    record: Record
    kept: KeptWeights

    @property
    def same_result(self) -> bool:
        """Whether the training that left the weights gave what the record holds, bit for bit."""
        return self.record.gave(self.kept.result_digest)


def runs_with_weights(
    cell: Cell, seeds: Sequence[int], store: Store, settings: Settings, root: Path
) -> list[RunWithWeights]:
    """The runs of `seeds` with their weights, in that order; what is not kept is trained again and kept from now on.

    A finished record is never changed by that. Where training again gives another result than it holds (another
    machine's arithmetic, another library version), the weights are those of the new training: `same_result` tells.

    Raises UserError where a run cannot be trained, DeadWeightsError where it leaves no weights to work with.
    """
    wanted = dataclasses.replace(cell, keep_weights=tuple(seeds))
    (outcome,) = train_cells([(wanted, seeds)], store, settings, root)
    for seed, message in outcome.errors.items():
        raise UserError(f"{cell.name} seed {seed} cannot be trained again for its weights: {message}")
    return [_found(cell, seed, store) for seed in seeds]


def _found(cell: Cell, seed: int, store: Store) -> RunWithWeights:
    record = store.finished(cell.fingerprint(seed))
    if record is not None and (reason := store.dead_weights(record)) is not None:
        raise DeadWeightsError(f"{cell.name} seed {seed} has no weights to work with: {reason}")
    kept = None if record is None else store.weights(record)
    if record is None or kept is None:
        raise UserError(f"{cell.name} seed {seed}: its weights are gone from {store.root}: start again")
    return RunWithWeights(cell, seed, record, kept)
