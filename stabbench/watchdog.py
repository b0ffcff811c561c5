"""Trainers and workers die with the process that asked for them, however that one ends."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import threading
import time
from pathlib import Path

POLL_SECONDS = 0.5
_PR_SET_PDEATHSIG = 1
_SHELLS = {"sh", "bash", "dash", "zsh", "ksh", "ash"}


def die_with_parent(parent: int) -> None:
    """Called in a worker: be killed when the process `parent` ends."""
    if platform.system() == "Linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    else:
        _watch([(os.getpid(), parent)])


def die_with_pipeline() -> None:
    """Called in a stage's command: end when `dvc`, which started it through a shell, ends (also by SIGKILL).

    Does nothing outside a DVC stage, where a program may outlive its terminal.
    """
    if "DVC_STAGE" in os.environ:
        _watch(_chain_to_pipeline())


def _chain_to_pipeline() -> list[tuple[int, int]]:
    """Pairs of (process, its parent) from this process through the shells up to the first other program."""
    chain = [(os.getpid(), os.getppid())]
    while _name(chain[-1][1]) in _SHELLS:
        child = chain[-1][1]
        parent = _parent(child)
        if parent is None or parent <= 1:
            break
        chain.append((child, parent))
    return chain


def _watch(chain: list[tuple[int, int]]) -> None:
    def poll() -> None:
        while all(_parent(child) == parent for child, parent in chain):
            time.sleep(POLL_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=poll, daemon=True, name="watchdog").start()


def _parent(process: int) -> int | None:
    if process == os.getpid():
        return os.getppid()
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None


def _name(process: int) -> str:
    try:
        return Path(f"/proc/{process}/comm").read_text().strip()
    except OSError:
        return ""
