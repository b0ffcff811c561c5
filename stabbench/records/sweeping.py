"""What a store holds that no plan selects, and its removal: never what is planned, in use or young."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from stabbench.errors import UserError
from stabbench.records.store import Store

SCRATCH_SECONDS = 24 * 3600.0
"""A temporary folder in which nothing has changed for so long belongs to nobody: records are written in seconds."""
CHECKPOINT_SECONDS = 7 * 24 * 3600.0
"""The same of a training's saved state, which may wait for its machine to come back."""

RECORD, WEIGHTS, DAMAGED = "record", "kept weights", "damaged record"
CHECKPOINT, SCRATCH = "abandoned checkpoint", "abandoned temporary folder"


@dataclass(frozen=True)
class Leftover:
    """A folder of the store that nobody wants."""

    kind: str
    folder: Path
    size: int
    """Bytes of its files."""
    fingerprint: str = ""
    """Of records and weights."""


def leftovers(store: Store, planned: Collection[str]) -> list[Leftover]:
    """All that may be removed, where `planned` are the fingerprints of every plan that counts.

    Records and kept weights without a plan, records that were moved aside as damaged, and temporary folders and
    checkpoints in which nothing has changed for a day and a week.
    """
    moment = time.time()
    found = list(_by_fingerprint(RECORD, store.root.glob("??/*"), planned))
    found += _by_fingerprint(WEIGHTS, (store.root / ".weights").glob("*"), planned)
    found += [_leftover(DAMAGED, folder) for folder in _folders((store.root / ".corrupt").glob("*"))]
    found += _idle(CHECKPOINT, (store.root / ".checkpoints").glob("*"), moment - CHECKPOINT_SECONDS)
    found += _idle(SCRATCH, _scratch(store), moment - SCRATCH_SECONDS)
    return found


def remove(store: Store, found: Iterable[Leftover]) -> tuple[list[Leftover], list[Leftover]]:
    """Remove leftovers; those removed, and those that were left because a process holds their lock.

    A folder is renamed to a temporary name first, so that a removal that is killed leaves no half of a record.
    """
    removed: list[Leftover] = []
    in_use: list[Leftover] = []
    for leftover in found:
        name = leftover.fingerprint
        locks = [store.training_lock(name), store.lock(name)] if name else []
        (removed if _remove(leftover.folder, locks) else in_use).append(leftover)
    return removed, in_use


def _remove(folder: Path, locks: list[FileLock]) -> bool:
    with ExitStack() as held:
        try:
            for lock in locks:
                held.enter_context(lock.acquire(timeout=0))
            aside = folder.with_name(f".{folder.name[:12].lstrip('.')}.removed")
            shutil.rmtree(aside, ignore_errors=True)
            folder.replace(aside)
            shutil.rmtree(aside)
        except Timeout:
            return False
        except FileNotFoundError:
            return True
        except OSError as error:
            raise UserError(f"cannot remove {folder} ({error.strerror}): change its rights and call again") from error
    return True


def _by_fingerprint(kind: str, paths: Iterable[Path], planned: Collection[str]) -> Iterator[Leftover]:
    for folder in _folders(paths):
        if len(folder.name) == 64 and folder.name not in planned:
            yield _leftover(kind, folder, folder.name)


def _idle(kind: str, paths: Iterable[Path], before: float) -> Iterator[Leftover]:
    for folder in _folders(paths):
        if max(path.lstat().st_mtime for path in (folder, *folder.rglob("*"))) < before:
            yield _leftover(kind, folder)


def _scratch(store: Store) -> Iterator[Path]:
    for place in ("??", ".checkpoints", ".weights", ".probes"):
        yield from store.root.glob(f"{place}/.*")


def _folders(paths: Iterable[Path]) -> list[Path]:
    return sorted(path for path in paths if path.is_dir() and not path.is_symlink())


def _leftover(kind: str, folder: Path, fingerprint: str = "") -> Leftover:
    size = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
    return Leftover(kind, folder, size, fingerprint)
