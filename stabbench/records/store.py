"""The store: one immutable folder a fingerprint, written whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from stabbench.files import read_json, sha256_of_file, write_json, write_text, writing
from stabbench.records.content import RecordContent
from stabbench.records.dead_weights import divergence, reason_in
from stabbench.records.record import (
    PROVENANCE,
    SCHEMA_VERSION,
    Record,
    UnreadableRecordError,
    check_files,
    sealed,
)
from stabbench.scratch import scratch_folder, sweep
from stabbench.typed_json import to_json

if TYPE_CHECKING:
    import pandas as pd


HASHES = "hashes.json"
"""Beside kept weights: the SHA-256 of every other file of their folder."""


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
        return self.root / f"{fingerprint[:2]}/{fingerprint}"

    def lock(self, name: str) -> FileLock:
        """The lock under which the record of the fingerprint `name` is written."""
        locks = self.root / ".locks"
        make_folder(locks)
        return FileLock(locks / f"{name}.lock")

    def find(self, fingerprint: str) -> Record | None:
        """The verified record, or None; an unreadable one is named to `warn` and moved aside."""
        folder = self.folder(fingerprint)
        if not folder.exists():
            return None
        try:
            return Record.read(folder)
        except UnreadableRecordError as error:
            aside = self._move_aside(folder, folder.name)
            self._warn(f"unreadable record: {error}; moved to {aside}, the run will be trained again")
            return None

    def finished(self, fingerprint: str) -> Record | None:
        """The record of a run that came to its end, or None (errors are tried again)."""
        record = self.find(fingerprint)
        return record if record is not None and record.finished else None

    def write(
        self,
        content: RecordContent,
        provenance: Mapping[str, Any],
        tables: Mapping[str, pd.DataFrame],
        weights: Callable[[Path], None] | None = None,
        texts: Mapping[str, str] | None = None,
    ) -> Record:
        """Write a record whole or not at all; the first finished writer of a fingerprint wins.

        A finished record stays as it is; of a later writer it takes the weights alone (see `weights`). The hashes of
        `tables` (frames by the file names of TABLES) and `texts` go over `content`'s; `weights` writes a Hugging Face
        folder into the path that it is given. Raises UserError where the disk is full or says no.
        """
        fingerprint = content.fingerprint
        target = self.folder(fingerprint)
        make_folder(target.parent)
        with writing(target), scratch_folder(target) as scratch:
            new = scratch / "new"
            new.mkdir(mode=0o755)
            for name, table in tables.items():
                write_table(new / name, table)
            for name, text in (texts or {}).items():
                write_text(new / name, text)
            if weights is not None:
                weights(new / "weights")
                _name_hashes(new / "weights")
            write_json(new / PROVENANCE, sealed(provenance))
            files = {name: sha256_of_file(new / name) for name in sorted({*tables, *(texts or {})})}
            write_json(
                new / "record.json", sealed({**content.to_json(), "schema_version": SCHEMA_VERSION, "files": files})
            )
            with self.lock(fingerprint):
                existing = self.find(fingerprint)
                if existing is not None and existing.finished:
                    if weights is not None:
                        self._keep_weights(existing, content, new / "weights")
                    return existing
                if target.exists():
                    target.replace(scratch / "old")
                new.replace(target)
        return Record.read(target, verify=False)

    def weights(self, record: Record) -> KeptWeights | None:
        """The kept weights of a record's run, verified, or None; unreadable ones are named to `warn` and moved aside.

        They lie in the record where the training that left them gave its `result_digest`. A run that was trained again
        elsewhere can come out differently: such weights lie apart, with their own digest and status. Of dead ones
        nothing is offered (see `dead_weights`).
        """
        if self.dead_weights(record) is not None:
            return None
        own = record.folder / "weights"
        if self._whole_weights(own, record.fingerprint):
            return KeptWeights(own, record.result.result_digest, record.status)
        folder = self._other_weights(record.fingerprint)
        if not self._whole_weights(folder, record.fingerprint):
            return None
        result = read_json(folder / "result.json")
        return KeptWeights(folder, result["result_digest"], result["status"])

    def dead_weights(self, record: Record) -> str | None:
        """Why nobody is offered weights of a record's run, however often it is trained; None where somebody may be.

        It diverged, or values of its final weights are not finite numbers.
        """
        own, other = record.folder / "weights", self._other_weights(record.fingerprint)
        return divergence(record.content) or reason_in(own) or (None if own.exists() else reason_in(other))

    def _whole_weights(self, folder: Path, fingerprint: str) -> bool:
        if not folder.exists():
            return False
        try:
            check_weights(folder)
        except UnreadableRecordError as error:
            aside = self._move_aside(folder, f"{fingerprint}.weights")
            self._warn(f"unreadable weights: {error}; moved to {aside}, the run will be trained again for them")
            return False
        return True

    def _other_weights(self, fingerprint: str) -> Path:
        return self.root / ".weights" / fingerprint

    def _keep_weights(self, record: Record, content: RecordContent, folder: Path) -> None:
        """Move the weights of a run that was trained again to where `weights` looks for them."""
        if self.weights(record) is not None or self.dead_weights(record) is not None:
            return
        target = record.folder / "weights"
        result = content.result
        if result is not None and not record.gave(result.result_digest):
            target = self._other_weights(record.fingerprint)
            make_folder(target.parent)
            told = {
                "result_digest": result.result_digest,
                "status": content.status,
                "final": to_json(result.final),
            }
            write_json(folder / "result.json", told)
            _name_hashes(folder)
        folder.replace(target)

    def adopt(self, folder: Path) -> Record | None:
        """Take a finished record that lies elsewhere (`dvc pull` brings such) into the store; None if unusable.

        An error's record there gives way to it.
        """
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
        with writing(target), scratch_folder(target) as scratch:
            copy_record(folder, scratch / "new")
            with self.lock(record.fingerprint):
                if self.finished(record.fingerprint) is None:
                    if target.exists():  # what an error left
                        target.replace(scratch / "old")
                    (scratch / "new").replace(target)
        return self.find(record.fingerprint)

    def sweep(self) -> None:
        """Remove what killed processes left half written."""
        for folder in (*self.root.glob("??"), *self.root.glob(".checkpoints/*")):
            sweep(folder)

    def training_lock(self, fingerprint: str) -> FileLock:
        """The lock that is held while the fingerprint's run is being trained."""
        return self.lock(f"{fingerprint}.training")

    def checkpoint(self, name: str) -> Path:
        """Where a training in progress keeps its state."""
        return self.root / ".checkpoints" / name

    def measurements(self, name: str) -> Path:
        """Where a probe keeps what it has measured already."""
        return self.root / ".probes" / name

    def replace_next(self, fingerprint: str) -> None:
        """Make room for another record of a fingerprint: the one that is there lies in `.replaced` from now on."""
        with self.lock(fingerprint):
            if self.folder(fingerprint).exists():
                self._move_aside(self.folder(fingerprint), fingerprint, ".replaced")

    def _move_aside(self, folder: Path, name: str, place: str = ".corrupt") -> Path:
        make_folder(self.root / place)
        number = 0
        while (aside := self.root / place / f"{name}.{number}").exists():
            number += 1
        return folder.replace(aside)


def check_weights(folder: Path) -> None:
    """UnreadableRecordError where a file of kept weights is missing, truncated or changed."""
    if not (folder / "model.safetensors").is_file():
        raise UnreadableRecordError(f"{folder / 'model.safetensors'} is missing")
    if not (folder / HASHES).exists():  # an older version wrote them
        return
    try:
        hashes = dict(read_json(folder / HASHES))
    except (OSError, ValueError, TypeError) as error:
        raise UnreadableRecordError(f"{folder / HASHES} is not JSON ({error})") from error
    check_files(folder, hashes)


def write_table(path: Path, table: pd.DataFrame) -> None:
    """A table of a record as Parquet: of numbers that are no integers all first bytes together, then all second ones.

    So a record has a fifth fewer bytes (`BYTE_STREAM_SPLIT`, which readers of Parquet know since 2020).
    """
    split = [str(name) for name, kind in table.dtypes.items() if kind.kind == "f"]
    others = [str(name) for name in table.columns if name not in split]
    table.to_parquet(path, index=False, compression="zstd", use_byte_stream_split=split, use_dictionary=others)


def _name_hashes(folder: Path) -> None:
    names = sorted(path.name for path in folder.iterdir() if path.name != HASHES)
    write_json(folder / HASHES, {name: sha256_of_file(folder / name) for name in names})


def copy_record(source: Path, target: Path) -> None:
    """Copy a record without its weights."""
    target.mkdir(mode=0o755)
    for path in source.iterdir():
        if path.is_file():
            shutil.copy2(path, target / path.name)


def make_folder(path: Path) -> None:
    """Make a folder; UserError where the disk says no."""
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
