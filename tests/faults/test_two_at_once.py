"""Two trainings of the same runs at once: one works, the other waits, says so, and takes over where it has to."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from stabbench.scratch import SUFFIX
from tests.faults.processes import digests, leftovers, recorded, stabbench, wait_until

WAITING = "another process is training"


def written(store: Path) -> dict[Path, tuple[int, int]]:
    """Which file each record is, and when it was written: another one in its place would be known."""
    found = {path: path.stat() for path in recorded(store)}
    return {path: (stat.st_ino, stat.st_mtime_ns) for path, stat in found.items()}


def test_each_run_is_trained_once_and_both_commands_end_with_all_of_them(project: Path, whole: dict[str, str]) -> None:
    store = project / ".stabbench/runs"
    first = stabbench(project, "train", "--workers", "1")
    assert wait_until(first.others)
    with first.paused():  # or it might be done before the other has begun
        second = stabbench(project, "train", "--workers", "1")
        assert second.comes_to(lambda second: WAITING in second.errors)
    assert wait_until(lambda: len(recorded(store)) >= 3)
    before = written(store)
    ended = [command.ended() for command in (first, second)]
    assert [command.status for command in ended] == [0, 0], ended
    assert sum(command.trained for command in ended) == 6
    assert sum(WAITING in command.errors for command in ended) == 1
    assert before.items() <= written(store).items()
    assert digests(project) == whole
    assert len(list((project / "runs").rglob("record.json"))) == 6
    assert leftovers(project) == leftovers(store) == []


def test_whoever_waits_takes_over_from_who_is_killed(project: Path, whole: dict[str, str]) -> None:
    store = project / ".stabbench/runs"
    first = stabbench(project, "train", "--all", "--workers", "1", STABBENCH_CHECKPOINT_MINUTES="0.002")
    assert wait_until(lambda: first.others() and recorded(store))
    with first.paused():
        second = stabbench(project, "train", "--all", "--workers", "1")
        assert second.comes_to(lambda second: WAITING in second.errors)
        os.kill(first.process.pid, signal.SIGKILL)
        done = recorded(store)[0].parent  # as if killed just after moving this record into its place
        done.with_name(f".{done.name}.killed{SUFFIX}").mkdir(exist_ok=True)
    before = written(store)
    first.ended()
    ended = second.ended()
    assert ended.status == 0, ended.errors
    assert WAITING in ended.errors
    assert ended.trained >= 6 - len(before) - 1
    assert before.items() <= written(store).items()
    assert digests(project) == whole
    assert leftovers(store) == []


def test_who_waits_can_be_stopped(project: Path) -> None:
    first = stabbench(project, "train", "--all", "--workers", "1")
    assert wait_until(first.others)
    with first.paused():
        second = stabbench(project, "train", "--all")
        assert second.comes_to(lambda second: WAITING in second.errors)
        second.press_ctrl_c()
        ended = second.ended()
    assert ended.status == 130, ended
    assert "Traceback" not in ended.errors
    assert first.ended().trained == 6
