"""The store of records: one immutable folder a fingerprint, written whole or not at all, verified when read."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock

from stabbench.errors import UserError
from stabbench.files import read_json, sha256_of_file, sha256_of_json, write_json
from stabbench.plan import Cell, plan_path

SCHEMA_VERSION = 1
READABLE_VERSIONS = (1,)
TABLES = ("history.parquet", "gradnorms.parquet", "predictions.parquet")
FINISHED = ("ok", "failed", "diverged")


class UnreadableRecordError(Exception):
    """A record that is not whole; the message says which file and what is wrong with it."""


@dataclass(frozen=True)
class Record:
    """One run's record: `data` is record.json, `folder` where it lies."""

    data: Mapping[str, Any]
    folder: Path

    @property
    def fingerprint(self) -> str:
        """The hash of the run's spec."""
        return str(self.data["fingerprint"])

    @property
    def status(self) -> str:
        """`ok`, `failed`, `diverged` or `error`."""
        return str(self.data["status"])

    @property
    def finished(self) -> bool:
        """Whether training came to its end (an error did not)."""
        return self.status in FINISHED

    def history(self) -> pd.DataFrame:
        """A row per update: step, epoch, learning rate, losses, gradient norms and the scores where evaluated."""
        return pd.read_parquet(self.folder / "history.parquet")

    def gradnorms(self) -> pd.DataFrame:
        """L2 norm of each parameter's gradient before clipping: step, parameter, norm."""
        return pd.read_parquet(self.folder / "gradnorms.parquet")

    def predictions(self) -> pd.DataFrame:
        """The dev set at the last step: example, label, prediction, logits."""
        return pd.read_parquet(self.folder / "predictions.parquet")

    def provenance(self) -> dict[str, Any]:
        """Versions, device and timings; never part of a digest or a table. Empty where the file is absent."""
        path = self.folder / "provenance.json"
        return dict(read_json(path)) if path.exists() else {}

    @property
    def weights(self) -> Path | None:
        """The Hugging Face folder of the final weights, where they were kept."""
        folder = self.folder / "weights"
        return folder if (folder / "model.safetensors").exists() else None

    @classmethod
    def read(cls, folder: Path, *, verify: bool = True) -> Record:
        """Read a record's folder; with `verify`, check every file's hash and the fingerprint.

        Raises UnreadableRecordError, naming the file, where anything is missing, truncated or changed.
        """
        path = folder / "record.json"
        try:
            data = read_json(path)
        except FileNotFoundError:
            raise UnreadableRecordError(f"{path} is missing") from None
        except (OSError, ValueError) as error:
            raise UnreadableRecordError(f"{path} is not JSON ({error})") from error
        _check_head(path, data)
        if verify:
            _check_content(folder, data)
        return cls(data=data, folder=folder)


def _check_head(path: Path, data: object) -> None:
    if not isinstance(data, dict) or not {"schema_version", "fingerprint", "spec", "status"} <= data.keys():
        raise UnreadableRecordError(f"{path} lacks the keys of a record")
    if data["schema_version"] not in READABLE_VERSIONS:
        version = data["schema_version"]
        raise UnreadableRecordError(f"{path} has schema version {version}, readable: {READABLE_VERSIONS}")


def _check_content(folder: Path, data: Mapping[str, Any]) -> None:
    if sha256_of_json(data["spec"]) != data["fingerprint"]:
        raise UnreadableRecordError(f"{folder / 'record.json'}: the spec does not have the fingerprint that is named")
    sealed = {key: value for key, value in data.items() if key != "seal"}
    if data.get("seal") != sha256_of_json(sealed):
        raise UnreadableRecordError(f"{folder / 'record.json'}: the content does not have the hash that is named")
    for name, expected in data.get("files", {}).items():
        path = folder / name
        if not path.is_file():
            raise UnreadableRecordError(f"{path} is missing")
        if sha256_of_file(path) != expected:
            raise UnreadableRecordError(f"{path} is truncated or was changed (its hash differs)")


class Store:
    """All records, by fingerprint: `<root>/<first two digits>/<fingerprint>/`.

    `warn` is called with one sentence for every record that was moved aside.
    """

    def __init__(self, root: Path, warn: Callable[[str], None] | None = None) -> None:
        self.root = root
        self._warn = warn or (lambda message: None)

    def folder(self, fingerprint: str) -> Path:
        """Where the record of a fingerprint lies, whether it exists or not."""
        return self.root / fingerprint[:2] / fingerprint

    def lock(self, fingerprint: str) -> FileLock:
        """The lock under which the fingerprint's record is written."""
        locks = self.root / ".locks"
        make_folder(locks)
        return FileLock(locks / f"{fingerprint}.lock")

    def find(self, fingerprint: str) -> Record | None:
        """The verified record, or None; an unreadable one is named to `warn` and moved aside."""
        folder = self.folder(fingerprint)
        if not folder.exists():
            return None
        try:
            return Record.read(folder)
        except UnreadableRecordError as error:
            aside = self._move_aside(folder)
            self._warn(f"unreadable record: {error}; moved to {aside}, the run will be trained again")
            return None

    def finished(self, fingerprint: str) -> Record | None:
        """The record of a run that came to its end, or None (errors are tried again)."""
        record = self.find(fingerprint)
        return record if record is not None and record.finished else None

    def write(
        self,
        data: Mapping[str, Any],
        provenance: Mapping[str, Any],
        tables: Mapping[str, pd.DataFrame],
        weights: Callable[[Path], None] | None = None,
    ) -> Record:
        """Write a record whole or not at all; the first finished writer of a fingerprint wins.

        `data` lacks `schema_version`, `files` and `seal`, which are added here; `tables` maps file names of
        TABLES to frames; `weights` writes a Hugging Face folder into the path that it is given.
        """
        fingerprint = str(data["fingerprint"])
        target = self.folder(fingerprint)
        make_folder(target.parent)
        temporary = Path(tempfile.mkdtemp(prefix=f".{fingerprint[:12]}.", dir=target.parent))
        try:
            for name, table in tables.items():
                table.to_parquet(temporary / name, index=False, compression="zstd")
            if weights is not None:
                weights(temporary / "weights")
            write_json(temporary / "provenance.json", dict(provenance))
            write_json(temporary / "record.json", _sealed(data, temporary, tables))
            temporary.chmod(0o755)
            with self.lock(fingerprint):
                existing = self.find(fingerprint)
                if existing is not None and existing.finished and (weights is None or existing.weights is not None):
                    return existing
                if target.exists():
                    shutil.rmtree(target)
                temporary.replace(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return Record.read(target, verify=False)

    def adopt(self, folder: Path) -> Record | None:
        """Take a finished record that lies elsewhere (`dvc pull` brings such) into the store; None if unusable."""
        try:
            record = Record.read(folder)
        except UnreadableRecordError as error:
            self._warn(f"unreadable record: {error}; not taken into the store")
            return None
        if not record.finished:
            return None
        existing = self.finished(record.fingerprint)
        if existing is not None:
            return existing
        target = self.folder(record.fingerprint)
        make_folder(target.parent)
        temporary = Path(tempfile.mkdtemp(prefix=f".{record.fingerprint[:12]}.", dir=target.parent))
        try:
            shutil.copytree(folder, temporary, dirs_exist_ok=True)
            with self.lock(record.fingerprint):
                if not target.exists():
                    temporary.replace(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return self.find(record.fingerprint)

    def training_lock(self, fingerprint: str) -> FileLock:
        """The lock that is held while the fingerprint's run is being trained."""
        locks = self.root / ".locks"
        make_folder(locks)
        return FileLock(locks / f"{fingerprint}.training.lock")

    def checkpoint(self, name: str) -> Path:
        """Where a training in progress keeps its state."""
        return self.root / ".checkpoints" / name

    def fingerprints(self) -> Iterable[str]:
        """The fingerprints of all folders in the store, sorted."""
        return sorted(path.name for path in self.root.glob("??/*") if len(path.name) == 64)

    def _move_aside(self, folder: Path) -> Path:
        corrupt = self.root / ".corrupt"
        make_folder(corrupt)
        number = 0
        while (aside := corrupt / f"{folder.name}.{number}").exists():
            number += 1
        return folder.replace(aside)


def _sealed(data: Mapping[str, Any], folder: Path, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    files = {name: sha256_of_file(folder / name) for name in sorted(tables)}
    content = {**data, "schema_version": SCHEMA_VERSION, "files": files}
    return {**content, "seal": sha256_of_json(content)}


def make_folder(path: Path) -> None:
    """Make a folder; UserError where the disk says no."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to {path} ({error.strerror}): choose another folder or its rights") from error


def seed_folder(seed: int) -> str:
    """The name of a seed's folder in a selection: `seed-0001`."""
    return f"seed-{seed:04d}"


@dataclass(frozen=True)
class SelectedCell:
    """A cell and the records of its seeds that exist."""

    cell: Cell
    records: Mapping[int, Record]

    @property
    def missing(self) -> list[int]:
        """Seeds of the cell that have no finished record."""
        return [seed for seed in self.cell.seeds if seed not in self.records]


@dataclass(frozen=True)
class Selection:
    """What a plan selects of the store: the cells of a `runs/` folder with their finished records."""

    cells: tuple[SelectedCell, ...]

    @classmethod
    def read(cls, runs: Path, *, plan: Path | None = None, verify: bool = True) -> Selection:
        """Read `runs/<model>/<task>/<strategy>/`; UserError where there is nothing or a record is not whole.

        With a `plan` folder, cells that are no longer planned are left out.
        """
        folders = sorted(path.parent for path in runs.glob("*/*/*/cell.json"))
        if plan is not None:
            folders = [path for path in folders if plan_path(plan, *path.parts[-3:]).exists()]
        if not folders:
            raise UserError(f"no runs in {runs}: run `stabbench train` or `dvc repro` first")
        cells = [_read_cell(folder, verify) for folder in folders]
        return cls(tuple(sorted(cells, key=lambda selected: selected.cell.position)))


def _read_cell(folder: Path, verify: bool) -> SelectedCell:
    cell = Cell.read(folder / "cell.json")
    records: dict[int, Record] = {}
    for seed in cell.seeds:
        path = folder / seed_folder(seed)
        if not path.exists():
            continue
        try:
            record = Record.read(path, verify=verify)
        except UnreadableRecordError as error:
            raise UserError(f"unreadable record: {error}; run `stabbench train` again to restore it") from error
        if record.fingerprint != cell.fingerprint(seed):
            raise UserError(f"{path} is not the run that {folder / 'cell.json'} names: run `stabbench train` again")
        if record.finished:
            records[seed] = record
    return SelectedCell(cell, records)


def select(cell: Cell, store: Store, runs: Path) -> SelectedCell:
    """Make `runs/<model>/<task>/<strategy>/` hold exactly the cell's seeds that the store has, weights left out."""
    folder = runs / cell.model / cell.task / cell.strategy
    make_folder(folder)
    cell.write(folder / "cell.json")
    records: dict[int, Record] = {}
    for seed in cell.seeds:
        record = store.find(cell.fingerprint(seed))
        target = folder / seed_folder(seed)
        if record is None:
            shutil.rmtree(target, ignore_errors=True)
            continue
        if not _same(record, target):
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(record.folder, target, ignore=shutil.ignore_patterns("weights"))
        if record.finished:
            records[seed] = Record(record.data, target)
    wanted = {"cell.json", *(seed_folder(seed) for seed in cell.seeds)}
    for stale in folder.iterdir():
        if stale.name not in wanted:
            shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
    return SelectedCell(cell, records)


def adopt_selection(cell: Cell, store: Store, runs: Path) -> None:
    """Take records of the cell that lie in `runs/` and not in the store (brought by `dvc pull`) into the store."""
    for seed in cell.seeds:
        folder = runs / cell.model / cell.task / cell.strategy / seed_folder(seed)
        if folder.exists() and not store.folder(cell.fingerprint(seed)).exists():
            store.adopt(folder)


def _same(record: Record, target: Path) -> bool:
    try:
        return Record.read(target).data == record.data
    except UnreadableRecordError:
        return False
