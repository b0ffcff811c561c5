"""One run of a command: started in its own session under a supervisor, waited for, its words kept."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from stabbench.commands import supervisor
from stabbench.files import read_json, write_json
from stabbench.recording.format import OF_A_COMMAND

KEPT_BYTES = 1_000_000
"""Of longer output the end is kept."""
TOLD_LINES = 40
"""Of the output, in an error."""
GRACE_SECONDS = 10.0


class CommandStoppedError(Exception):
    """A command that was ended as this process is ending; its folder is there for the next try."""


class CommandError(Exception):
    """A command that failed; `output` is the end of what it said."""

    def __init__(self, message: str, output: str) -> None:
        super().__init__(message)
        self.output = output


class UnreadError(CommandError):
    """What a command left cannot be read, though it came to its end: its folder stays, and is read at the next try."""

    @classmethod
    def of(cls, error: Exception, out: Path) -> Self:
        """Of an error in the folder `out` of a run."""
        return cls(
            f"{error}. The command came to its end, and what it left is kept: mend it there, or remove {out} so that "
            "it is run again",
            tail(out),
        )


OUTPUT, ENDED, FAILED = OF_A_COMMAND
"""In a run's folder: what its command said, its errors too; that it came to its end, and when; that it did not."""


def run_once(
    words: Sequence[str], folder: Path, out: Path, variables: Mapping[str, str], minutes: float | None
) -> float:
    """As `run_command`, in a run's folder `out` that an earlier try may have left.

    What ended there is not run again; what was killed goes on in the folder as it is; what failed begins anew.
    """
    if out.is_file():
        out.unlink()
    elif (out / FAILED).exists():
        shutil.rmtree(out)
    elif (out / ENDED).exists():
        return float(read_json(out / ENDED)["seconds"])
    out.mkdir(parents=True, exist_ok=True)
    try:
        seconds = run_command(words, folder, out, variables, minutes)
    except CommandError:
        if out.is_dir():
            (out / FAILED).touch()
        raise
    write_json(out / ENDED, {"seconds": seconds})
    return seconds


def run_command(
    words: Sequence[str], folder: Path, out: Path, variables: Mapping[str, str], minutes: float | None
) -> float:
    """Run a command in `folder`, with what it says in `out`; the seconds that it took.

    It, and all that it starts, ends with this process, however that ends. Raises CommandError where it ends with
    another exit status than 0, or has not ended after so many minutes.
    """
    began = time.monotonic()
    with (out / OUTPUT).open("ab") as log:
        supervised = subprocess.Popen(
            [sys.executable, "-I", "-S", supervisor.__file__, str(os.getpid()), *words],
            cwd=folder,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        _RUNNING.add(supervised)
        try:
            status = supervised.wait(None if minutes is None else 60 * minutes)
        except subprocess.TimeoutExpired:
            raise CommandError(f"it had not ended after {minutes:g} minutes (time_limit)", tail(out)) from None
        finally:
            _end(supervised)
            _end_orphans(supervised)
            stopped = supervised not in _RUNNING
            _RUNNING.discard(supervised)
    if stopped:
        raise CommandStoppedError
    if not out.is_dir():
        raise CommandError(f"it has taken its folder {{out}} away ({out})", tail(out))
    if status:
        raise CommandError(f"it ended with {_words(status)}", tail(out))
    return time.monotonic() - began


_RUNNING: set[subprocess.Popen[bytes]] = set()
"""Those that this process waits for, in whatever thread."""


def stop_all() -> None:
    """End every command that this process waits for; whoever waits is told by CommandStoppedError."""
    while _RUNNING:
        _end(_RUNNING.pop())


def _end(supervised: subprocess.Popen[bytes]) -> None:
    if supervised.poll() is None:
        supervised.terminate()  # upon which it kills the command with all that belongs to it
        try:
            supervised.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            supervised.kill()
            supervised.wait()


def _end_orphans(supervised: subprocess.Popen[bytes]) -> None:
    """Kill what a supervisor that was killed itself has left of its group."""
    if supervised.returncode < 0:
        with suppress(ProcessLookupError, PermissionError):  # none is left; macOS says so of one that is ending
            os.killpg(supervised.pid, signal.SIGKILL)


def _words(status: int) -> str:
    if status == supervisor.NOT_STARTED:
        return f"exit status {status}: the program could not be started"
    if status < 0:
        return f"the process that supervises it, which signal {-status} killed"
    return f"exit status {status}" if status < 128 else f"exit status {status} (signal {status - 128})"


def output(out: Path) -> str:
    """What a command said, the end of it where that is long."""
    path = out / OUTPUT
    if not path.exists():
        return ""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - KEPT_BYTES))
        text = file.read().decode("utf-8", errors="replace")
    return text if size <= KEPT_BYTES else f"(the first {size - KEPT_BYTES} bytes are left out)\n{text}"


def tail(out: Path) -> str:
    """The last lines of it."""
    return "\n".join(output(out).splitlines()[-TOLD_LINES:])
