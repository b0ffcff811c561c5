"""What a plan selects of the store: the `runs/` folder, from which tables are made."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from stabbench.errors import UserError
from stabbench.files import writing
from stabbench.plan import Cell, plan_path
from stabbench.processes import parallel_map
from stabbench.records.record import Record, UnreadableRecordError
from stabbench.records.store import Store, copy_record, make_folder
from stabbench.scratch import locked, scratch_folder


def seed_folder(seed: int) -> str:
    """The name of a seed's folder in a selection: `seed-0001`."""
    return f"seed-{seed:04d}"


@dataclass(frozen=True)
class SelectedCell:
    """A cell and the records of its seeds that exist."""

    cell: Cell
    records: Mapping[int, Record]
    """Of the seeds that have a finished one, in the cell's order of seeds."""
    errors: Mapping[int, str] = field(default_factory=dict)
    """What broke the run of a seed that has a record and no result."""

    @property
    def missing(self) -> list[int]:
        """Seeds of the cell that have no finished record."""
        return [seed for seed in self.cell.seeds if seed not in self.records]


@dataclass(frozen=True)
class Selection:
    """What a plan selects of the store: the cells of a `runs/` folder with their finished records."""

    cells: tuple[SelectedCell, ...]

    @classmethod
    def read(
        cls, runs: Path, *, plan: Path | None = None, files: bool = True, executor: Executor | None = None
    ) -> Selection:
        """Read `runs/<model>/<task>/<strategy>/`; UserError where there is nothing or a record is not whole.

        With a `plan` folder, cells that are no longer planned are left out. Without `files` those beside record.json
        are verified only when they are read. An `executor`'s processes share in the work.
        """
        folders = sorted(path.parent for path in runs.glob("*/*/*/cell.json"))
        if plan is not None:
            folders = [path for path in folders if plan_path(plan, *path.parts[-3:]).exists()]
        if not folders:
            raise UserError(f"no runs in {runs}: run `stabbench train` or `dvc repro` first")
        cells = parallel_map(executor, partial(_read_cell, files=files), folders)
        return cls(tuple(sorted(cells, key=lambda selected: selected.cell.position)))


def _read_cell(folder: Path, *, files: bool) -> SelectedCell:
    cell = Cell.read(folder / "cell.json")
    records: dict[int, Record] = {}
    errors: dict[int, str] = {}
    for seed in cell.seeds:
        path = folder / seed_folder(seed)
        if not path.exists():
            continue
        try:
            record = Record.read(path, files=files)
        except UnreadableRecordError as error:
            raise error.for_readers() from error
        if record.fingerprint != cell.fingerprint(seed):
            raise UserError(f"{path} is not the run that {folder / 'cell.json'} names: run `stabbench train` again")
        if record.finished:
            records[seed] = record
            record.provenance()  # read here, where several processes read, and kept
        else:
            errors[seed] = str(record.error)
    return SelectedCell(cell, records, errors)


def select(cell: Cell, store: Store, runs: Path) -> SelectedCell:
    """Make `runs/<model>/<task>/<strategy>/` hold exactly the cell's seeds that the store has, weights left out.

    What lay there and the store lacks goes into the store first, also as another specification had it.
    """
    folder = runs / cell.model / cell.task / cell.strategy
    make_folder(folder)
    with locked(folder):
        cell.write(folder / "cell.json")
        found = {seed: _chosen(cell.fingerprint(seed), store, folder / seed_folder(seed)) for seed in cell.seeds}
        wanted = {"cell.json", *(seed_folder(seed) for seed, record in found.items() if record is not None)}
        for stale in folder.iterdir():
            if stale.name not in wanted:
                _put_away(stale, store)
    finished = {seed: record for seed, record in found.items() if record is not None and record.finished}
    return SelectedCell(
        cell, {seed: Record(record.content, folder / seed_folder(seed)) for seed, record in finished.items()}
    )


def _chosen(fingerprint: str, store: Store, place: Path) -> Record | None:
    """The store's record, which lies in `place` from now on; None where the store has none."""
    record = store.find(fingerprint)
    try:
        held = Record.read(place)
    except UnreadableRecordError:
        held = None
    if held is not None and (record is None or held.content != record.content):
        store.adopt(place)
        record = store.find(fingerprint)
    if record is not None and (held is None or held.content != record.content):
        _copy(record, place)
    return record


def _put_away(stale: Path, store: Store) -> None:
    if not stale.is_dir():
        stale.unlink()
        return
    if (stale / "record.json").exists():
        store.adopt(stale)
    shutil.rmtree(stale)


def lacking(cell: Cell, store: Store, runs: Path) -> bool:
    """Whether `runs/` holds a run as another specification had it, or lacks one of the cell that the store has."""
    folder = runs / cell.model / cell.task / cell.strategy
    held: set[str] = set()
    if (folder / "cell.json").exists():
        chosen = Cell.read(folder / "cell.json")
        held = {chosen.fingerprint(seed) for seed in chosen.seeds if (folder / seed_folder(seed)).exists()}
    wanted = {cell.fingerprint(seed) for seed in cell.seeds}
    return bool(held - wanted) or any(store.folder(fingerprint).exists() for fingerprint in wanted - held)


def _copy(record: Record, target: Path) -> None:
    with writing(target), scratch_folder(target) as scratch:
        copy_record(record.folder, scratch / "new")
        shutil.rmtree(target, ignore_errors=True)
        (scratch / "new").replace(target)


def adopt_selection(cell: Cell, store: Store, runs: Path) -> None:
    """Take records of the cell that lie in `runs/` and not in the store (brought by `dvc pull`) into the store."""
    for seed in cell.seeds:
        folder = runs / cell.model / cell.task / cell.strategy / seed_folder(seed)
        if folder.exists() and not store.folder(cell.fingerprint(seed)).exists():
            store.adopt(folder)
