"""Files that are written whole or not at all, and the hashes by which they are known."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stabbench.errors import UserError
from stabbench.scratch import scratch_file, scratch_folder
from stabbench.signals import deferred_signals

FULL = {errno.ENOSPC, errno.EDQUOT}
REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.EIO, errno.EFBIG}
NO_PLACE = {errno.ENOENT}
"""What the system answers of a place that takes no new files, such as /proc."""
Stamps = tuple[tuple[str, int, int, int], ...]

REFUSALS_OF_WRITES = FULL | {errno.EROFS}
"""Errors that no reading gives."""
_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False, check_circular=False
)
BLOCK = 4096


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """A disk that is full or says no is a UserError that names `path` and what to do."""
    try:
        yield
    except OSError as error:
        message = refusal(error, path)
        if message is None or _elsewhere(error, path.absolute()):
            raise
        raise UserError(message) from error


def _elsewhere(error: OSError, path: Path) -> bool:
    """Whether the error names a file that has nothing to do with `path`: one that could not be read, say."""
    if error.errno in REFUSALS_OF_WRITES or not isinstance(error.filename, str | os.PathLike):
        return False
    named = Path(error.filename).absolute()
    return path.parent not in named.parents and named not in (path, *path.parents)


def refusal(error: OSError, path: Path | str) -> str | None:
    """What to tell a user whose disk refuses to write `path`; None for an error of another kind."""
    nowhere = _link_to_nothing(Path(path)) if error.errno in REFUSED | NO_PLACE else None
    if nowhere is not None:
        return f"cannot write to {path}: {nowhere}"
    if error.errno in FULL:
        advice = "make room there and start again; what was recorded before is whole"
    elif error.errno in REFUSED:
        advice = "choose another folder or its rights"
    elif error.errno in NO_PLACE:
        advice = "no file can be made there, choose another folder"
    else:
        return None
    return f"cannot write to {path} ({os.strerror(error.errno or 0)}): {advice}"


def _link_to_nothing(path: Path) -> str | None:
    """What to say of a path that is, or lies under, a symbolic link to something that is not there; None of others."""
    for place in (path, *path.parents):
        if place.is_symlink() and not place.exists():
            return f"{place} is a link to {place.readlink()}, which is not there: make that, or choose another folder"
    return None


def check_writable(*folders: Path) -> None:
    """UserError where one of the folders, or the nearest above it that exists, takes no new file.

    So it is where one is, or lies under, a link to nothing.
    """
    for folder in folders:
        if (nowhere := _link_to_nothing(folder.absolute())) is not None:
            raise UserError(f"cannot write to {folder}: {nowhere}")
        place = folder.absolute()
        while not place.exists():
            place = place.parent
        try:
            with tempfile.TemporaryFile(dir=place) as file:
                file.write(bytes(BLOCK))
        except OSError as error:
            raise UserError(refusal(error, folder) or f"cannot write to {folder} ({error})") from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` through a temporary neighbour and a rename, making folders as needed.

    Raises UserError where the disk is full or says no.
    """
    with writing(path), scratch_file(path) as temporary:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)


def write_text(path: Path, content: str) -> None:
    """Write text as UTF-8, whole or not at all."""
    write_bytes(path, content.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys, two spaces and a last line end; NaN and infinity raise ValueError."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file written as UTF-8."""
    return json.loads(path.read_bytes().decode("utf-8"))


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """An empty folder beside `path` to write into; it takes `path`'s place at the end, and is gone after an error."""
    with writing(path), scratch_folder(path) as scratch:
        new = scratch / "new"
        new.mkdir()
        yield new
        with deferred_signals():
            if path.exists():
                path.replace(scratch / "old")
            new.replace(path)


def sha256_of_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def sha256_of_bytes(content: bytes) -> str:
    """The SHA-256 of what was read, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


canonical_json = _CANONICAL.encode
"""A value's canonical JSON (sorted keys, no spaces); NaN and infinity raise ValueError."""


def canonical_around(content: Mapping[str, Any], key: str) -> tuple[str, str]:
    """The canonical JSON of an object before and after the value of its `key`, whatever that may be."""
    before = canonical_json({name: value for name, value in content.items() if name < key} | {key: 0})
    after = canonical_json({key: 0} | {name: value for name, value in content.items() if name > key})
    return before[:-2], after[len(canonical_json({key: 0})) - 1 :]


def sha256_of_json(value: Any) -> str:
    """The SHA-256 of a value's canonical JSON."""
    return sha256_of_bytes(canonical_json(value).encode("utf-8"))


def stamps_of(folder: Path) -> Stamps:
    """What tells whether a folder's files were written since: equal stamps, equal files."""
    stats = {path.name: path.stat() for path in sorted(folder.iterdir()) if path.is_file()}
    return tuple((name, stat.st_ino, stat.st_size, stat.st_mtime_ns) for name, stat in stats.items())
