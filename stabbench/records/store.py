"""The store: one immutable folder a fingerprint, written whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from stabbench.errors import UserError
from stabbench.files import read_json, sha256_of_file, sha256_of_json, write_json
from stabbench.records.record import SCHEMA_VERSION, Record, UnreadableRecordError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class KeptWeights:
    """Final weights of a run: a Hugging Face folder, and how the training that left them ended."""

    folder: Path
    result_digest: str
    status: str


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

        A finished record stays as it is; of a later writer it takes the weights alone (see `weights`). `data` lacks
        `schema_version`, `files` and `seal`, which are added here; `tables` maps file names of TABLES to frames;
        `weights` writes a Hugging Face folder into the path that it is given.
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
                if existing is not None and existing.finished:
                    if weights is not None:
                        self._keep_weights(existing, data, temporary / "weights")
                    return existing
                if target.exists():
                    shutil.rmtree(target)
                temporary.replace(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return Record.read(target, verify=False)

    def weights(self, record: Record) -> KeptWeights | None:
        """The kept weights of a record's run, or None.

        They lie in the record where the training that left them gave its `result_digest`. A run that was trained again
        elsewhere can come out differently: such weights lie apart, with their own digest and status.
        """
        if record.weights is not None:
            return KeptWeights(record.weights, str(record.data.get("result_digest")), record.status)
        folder = self._other_weights(record.fingerprint)
        if not (folder / "model.safetensors").exists():
            return None
        result = read_json(folder / "result.json")
        return KeptWeights(folder, result["result_digest"], result["status"])

    def _other_weights(self, fingerprint: str) -> Path:
        return self.root / ".weights" / fingerprint

    def _keep_weights(self, record: Record, data: Mapping[str, Any], folder: Path) -> None:
        """Move the weights of a run that was trained again to where `weights` looks for them."""
        if self.weights(record) is not None:
            return
        target = record.folder / "weights"
        if data.get("result_digest") != record.data.get("result_digest"):
            target = self._other_weights(record.fingerprint)
            make_folder(target.parent)
            write_json(folder / "result.json", {name: data.get(name) for name in ("result_digest", "status", "final")})
        shutil.rmtree(target, ignore_errors=True)
        folder.replace(target)

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

    def measurements(self, name: str) -> Path:
        """Where a probe keeps what it has measured already."""
        return self.root / ".probes" / name

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
