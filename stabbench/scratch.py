"""Scratch files and folders beside their targets; the next writer sweeps those that killed processes left behind."""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

SUFFIX = ".partial"


def scratch_file(target: Path) -> AbstractContextManager[Path]:
    """An empty file beside `target`, gone at the end if it was not moved away."""
    return _claimed(target, _empty_file)


def scratch_folder(target: Path) -> AbstractContextManager[Path]:
    """An empty folder beside `target`, gone at the end if it was not moved away."""
    return _claimed(target, tempfile.mkdtemp)


def _empty_file(suffix: str, prefix: str, folder: Path) -> str:
    handle, name = tempfile.mkstemp(suffix, prefix, folder)
    os.close(handle)
    return name


def sweep(folder: Path, name: str | None = None) -> None:
    """Remove the scratch in `folder` (of the target `name`, or of all) whose process has ended.

    A process holds a lock on its scratch, which the system releases with it; on a file system that has no such locks
    nothing is removed.
    """
    for path in folder.glob(f".{'' if name is None else glob.escape(name) + '.'}*{SUFFIX}"):
        with suppress(OSError):
            handle = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(path)
            finally:
                os.close(handle)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time in this block, by a lock on the folder itself, which leaves no file there."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def _claimed(target: Path, make: Callable[[str, str, Path], str]) -> Iterator[Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    sweep(target.parent, target.name)
    path: Path | None = None
    handle: int | None = None
    try:  # from before it is there: the signal that stops a command may come at any moment
        while True:
            path = Path(make(SUFFIX, f".{target.name}.", target.parent))
            handle = os.open(path, os.O_RDONLY)
            with suppress(OSError):  # where there are no locks, what a killed process leaves stays
                fcntl.flock(handle, fcntl.LOCK_SH)
            if path.exists():  # else another process took it for left behind before it was locked
                break
            os.close(handle)
            handle = None
        yield path
    finally:
        if path is not None:
            _remove(path)
        if handle is not None:
            os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
