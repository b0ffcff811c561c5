"""How long a command takes and how much memory it holds with all processes that it starts."""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

EVERY_SECONDS = 0.5  # a look at the memory of a large process takes long itself


@dataclass(frozen=True)
class Cost:
    """What a command took."""

    seconds: float
    cpu_seconds: float
    """Of the command and its descendants: what it would take on one idle core."""
    peak_bytes: int
    """The highest sum of the memory of the command and its descendants; of a page that two share each has half."""


def cost_in_two_runs(command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> Cost:
    """The time of a first run, which nobody looks at, and the memory of a second: of a command that can be repeated."""
    timed = cost_of(command, folder, variables, look=False)
    return replace(timed, peak_bytes=cost_of(command, folder, variables).peak_bytes)


def cost_of(command: Sequence[str], folder: Path, variables: Mapping[str, str], *, look: bool = True) -> Cost:
    """Run a command to its end; RuntimeError with its output where it fails. Linux only: /proc is read.

    To `look` at its memory, without which `peak_bytes` is 0, makes a command that holds much of it slower.
    """
    began, before = time.perf_counter(), _cpu_seconds()
    with (folder / "output.log").open("w+", encoding="utf-8") as log:
        process = subprocess.Popen(command, cwd=folder, env=variables, stdout=log, stderr=log)
        peak = 0
        while process.poll() is None:
            peak = max(peak, held_bytes(process.pid) if look else 0)
            with suppress(subprocess.TimeoutExpired):  # its end is noticed at once
                process.wait(EVERY_SECONDS)
        seconds = time.perf_counter() - began
        if process.returncode != 0:
            log.seek(0)
            raise RuntimeError(f"`{' '.join(command)}` failed:\n{log.read()}")
    return Cost(seconds, _cpu_seconds() - before, peak)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def held_bytes(root: int) -> int:
    """The memory (proportional set size) of a process and all its descendants at this moment."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(after_name[1]), []).append(int(path.parent.name))
    total, waiting = 0, [root]
    while waiting:
        process = waiting.pop()
        waiting += children.get(process, [])
        try:
            sizes = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="utf-8")
        except OSError:
            continue
        total += sum(1024 * int(line.split()[1]) for line in sizes.splitlines() if line.startswith("Pss:"))
    return total
