"""Runs a command and ends everything that it started, as `python supervisor.py PARENT WORD WORD`.

A program of its own, without a line of stabbench, so that it starts at once and lives on where its parent is killed:
then it kills the command with all that this has started, in whatever session, and ends. So it does on SIGTERM, and what
the command leaves running is killed when that ends. Its exit status is the command's, 128 + n after signal n, as in a
shell. Where it is killed itself, the system kills the command (on Linux), and its parent the rest of its group.
"""

import contextlib
import ctypes
import os
import platform
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

LINUX = platform.system() == "Linux"
POLL_SECONDS = 0.5
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
NOT_STARTED = 127


def main(parent: int, words: list[str]) -> int:
    """Run the words as a command for the process `parent`; the exit status."""
    signal.signal(signal.SIGTERM, _end)
    _control(PR_SET_CHILD_SUBREAPER, 1)  # orphans become children of this process, which finds them then
    _control(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        return 1
    try:
        command = subprocess.Popen(words, stdin=subprocess.DEVNULL, preexec_fn=partial(_begin, os.getpid()))
    except OSError as error:
        sys.stderr.write(f"{words[0]}: {error.strerror}\n")
        return NOT_STARTED
    while (status := _ended(command)) is None:
        if os.getppid() != parent:
            _end()
    _kill_all()
    return status if status >= 0 else 128 - status


def _control(option: int, value: int) -> None:
    """Linux's prctl; nothing elsewhere."""
    if LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(option, value)


def _begin(supervisor: int) -> None:
    """In the command's process: it is killed where `supervisor` is.

    What stabbench's workers hold back from themselves is not held back from it.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _control(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        os._exit(1)


def _ended(command: subprocess.Popen[bytes]) -> int | None:
    try:
        return command.wait(POLL_SECONDS)
    except subprocess.TimeoutExpired:
        return None


def _end(*unused: object) -> None:
    _kill_all()
    os._exit(128 + signal.SIGTERM)


def _kill_all() -> None:
    """Kill whatever descends from this process, until nothing is left of it."""
    while found := _descendants():
        for process in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.01)


def _descendants() -> list[int]:
    """Those that still run."""
    children: dict[int, list[int]] = {}
    for process, parent in _processes():
        children.setdefault(parent, []).append(process)
    found, open_ones = [], [os.getpid()]
    while open_ones:
        below = children.get(open_ones.pop(), [])
        found += below
        open_ones += below
    return found


def _processes() -> list[tuple[int, int]]:
    """Every living process with its parent."""
    if not LINUX:
        told = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True).stdout
        rows = [line.split() for line in told.splitlines()]
        return [(int(row[0]), int(row[1])) for row in rows if len(row) > 2 and not row[2].startswith("Z")]
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError, ValueError, IndexError):
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
                if state not in "ZX":
                    found.append((int(folder.name), int(parent)))
    return found


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
