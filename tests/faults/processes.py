"""Commands as real processes: started in a session of their own, signalled in the middle, waited for, looked at."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from stabbench.cli import main
from stabbench.plan import Cell
from stabbench.records import Record, Store
from stabbench.scratch import SUFFIX
from tests import warm

ROUNDS = int(os.environ.get("STABBENCH_FAULT_ROUNDS", "3"))
"""How often a command is killed in a row: `make faults` sets 30."""
PATIENCE = 120
"""Seconds after which something that was waited for is taken not to come."""
ALONE = {"DVC_NO_ANALYTICS": "1"}
"""Without it every command of DVC leaves a process behind, which asks a host to count its user."""


@dataclass(frozen=True)
class Ended:
    """A process that has ended: `status` is negative where a signal ended it."""

    status: int
    output: str
    errors: str

    @property
    def trained(self) -> int:
        """How many runs it says to have trained."""
        return sum(int(number) for number in re.findall(r"(\d+) (?:runs )?trained", self.output))


class Running:
    """A command in `folder`, in a session of its own, so that whatever it starts is known."""

    def __init__(self, folder: Path, *words: str, **environment: str) -> None:
        scripts = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        variables = {**clean_environment(), "PATH": scripts, **environment}
        self.logs = [folder / f".{name}-{time.monotonic_ns()}.log" for name in ("out", "err")]
        with self.logs[0].open("wb") as out, self.logs[1].open("wb") as err:
            self.process = self._started(words, folder, variables, out.fileno(), err.fileno())

    def _started(
        self, words: Sequence[str], folder: Path, variables: Mapping[str, str], out: int, err: int
    ) -> subprocess.Popen[bytes] | warm.Started:
        return subprocess.Popen(
            words,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
            preexec_fn=_hear_ctrl_c,
        )

    @property
    def errors(self) -> str:
        """What it has written to its error stream so far."""
        return self.logs[1].read_text(encoding="utf-8")

    def others(self) -> list[int]:
        """The living processes of its session but the first."""
        return [process for process in session(self.process.pid) if process != self.process.pid]

    def trainers(self) -> list[int]:
        """The processes of `stabbench train` in its session, workers included."""
        return [process for process in session(self.process.pid) if b"train" in _command(process)]

    def comes_to(self, holds: Callable[[Running], object]) -> bool:
        """Wait until something holds; False where the command ends before."""
        wait_until(lambda: holds(self) or self.process.poll() is not None)
        return bool(holds(self)) and self.process.poll() is None

    def ends_within(self, seconds: float) -> bool:
        """Whether it ends by itself in that time."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It and its workers stand still in this block, with all the locks that they hold."""
        _signal(session(self.process.pid), signal.SIGSTOP)
        yield
        _signal(session(self.process.pid), signal.SIGCONT)

    def press_ctrl_c(self) -> None:
        """What a terminal does: SIGINT to every process."""
        os.killpg(self.process.pid, signal.SIGINT)

    def ended(self, seconds: float = PATIENCE) -> Ended:
        """Wait for its end, and for that of whatever it started."""
        status = self.process.wait(seconds)
        assert wait_until(lambda: not session(self.process.pid), 15), f"left behind: {self.others()}"
        return Ended(status, *(log.read_text(encoding="utf-8") for log in self.logs))


class Warmed(Running):
    """The same of a program of `tests.warm`, whose libraries are imported."""

    def _started(
        self, words: Sequence[str], folder: Path, variables: Mapping[str, str], out: int, err: int
    ) -> warm.Started:
        return warm.Started(words, folder, variables, out, err)


def _signal(processes: Iterable[int], number: int) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, number)


def _hear_ctrl_c() -> None:
    """A job in the background of a script ignores it, and so would everything below."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def clean_environment() -> dict[str, str]:
    """This process's variables without those that choose a store, a machine or a stage."""
    return ALONE | {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("STABBENCH_", "DVC_", "MLFLOW_")) or name == "STABBENCH_GLUE_DIR"
    }


def stabbench(folder: Path, *words: str, **environment: str) -> Running:
    """Start `stabbench …` in a project folder, as a fork of a process that imported what it needs.

    The program itself where the loader is to do something when it starts.
    """
    if "LD_PRELOAD" in environment:
        return Running(folder, sys.executable, "-m", "stabbench", *words, **environment)
    return Warmed(folder, "stabbench", *words, **environment)


def here(folder: Path, *words: str, **environment: str) -> Ended:
    """Run `stabbench …` in a project folder to its end, in this process: where nobody signals it or looks at it before.

    What its workers write themselves is not in it; an exception that would be a traceback is raised.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in set(os.environ) - clean_environment().keys():
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        result = CliRunner().invoke(main, words, catch_exceptions=False)
    return Ended(result.exit_code, result.stdout, result.stderr)


def session(leader: int) -> list[int]:
    """The living processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, member_of = stat.read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(member_of) == leader and state not in "ZX":
            found.append(int(stat.parent.name))
    return found


def _command(process: int) -> list[bytes]:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def wait_until(holds: Callable[[], object], seconds: float = PATIENCE) -> bool:
    """Whether something comes to hold within that time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.02)
    return bool(holds())


def recorded(store: Path) -> list[Path]:
    """The record.json files of a store."""
    return sorted(store.glob("??/*/record.json"))


def leftovers(folder: Path) -> list[Path]:
    """Scratch files and folders below a folder, and checkpoints."""
    return [*folder.rglob(f".*{SUFFIX}"), *folder.glob(".checkpoints/*")]


def finished(folder: Path, store: Path, cells: Iterable[Path] | None = None) -> dict[str, Record]:
    """The finished records in a store of all planned runs of a project, by `cell seed`; each is verified."""
    paths = sorted((folder / "plan").glob("[!s]*/*/*.json")) if cells is None else cells
    found = {}
    for cell in map(Cell.read, paths):
        for seed in cell.seeds:
            record = Store(store).finished(cell.fingerprint(seed))
            if record is not None:
                found[f"{cell.name} {seed}"] = record
    return found


def digests(folder: Path, store: Path | None = None) -> dict[str, str]:
    """The result digests of all planned runs of a project that a store (by default its own) has."""
    records = finished(folder, store or folder / ".stabbench/runs")
    return {name: record.result.result_digest for name, record in records.items()}
