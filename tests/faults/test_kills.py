"""Commands that are ended by the system in the middle: nothing that was recorded is lost, and nothing stays behind."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from random import Random

import pytest

from tests.faults.processes import (
    ROUNDS,
    Running,
    digests,
    here,
    leftovers,
    recorded,
    stabbench,
    wait_until,
)

AT_ANY_TIME = 6.0
IN_TRAINING = 1.5
"""Seconds in which the moment of a signal is drawn: from the start, or from when the first worker is there."""
LEFT_AT_MOST = 6
"""Two workers' checkpoints, each with a file half written, a record half written, and a checkpoint no longer needed."""


def end_at_random(running: Running, random: Random) -> bool:
    """Send SIGKILL or SIGTERM to the command, or to all of its processes, at a random moment; False if it was late."""
    number = random.choice([signal.SIGKILL, signal.SIGTERM])
    send = random.choice([os.kill, os.killpg])
    begun = random.random() < 0.7
    if begun:
        running.comes_to(Running.others)
    if running.ends_within(random.uniform(0, IN_TRAINING if begun else AT_ANY_TIME)):
        return False
    send(running.process.pid, number)
    ended = running.ended()
    assert ended.status in (0, -number, 128 + number)
    assert "Traceback" not in ended.errors, ended.errors
    if ended.status > 0:
        assert "Stopped by SIGTERM" in ended.errors
    return ended.status != 0


@pytest.mark.slow
@pytest.mark.timeout(60 + 30 * ROUNDS)
def test_trainings_that_are_killed_at_random_moments_end_with_the_digests_of_an_uninterrupted_one(
    project: Path, whole: dict[str, str]
) -> None:
    random = Random(4)
    killed, number = 0, 0
    while killed < ROUNDS:
        store = project / f"store-{number}"
        minutes = random.choice(["0", "0.002", "10"])
        before = {path: path.stat().st_mtime_ns for path in recorded(store)}
        words = ("train", "--all", "--workers", "2", "--store", store.name)
        running = stabbench(project, *words, STABBENCH_CHECKPOINT_MINUTES=minutes)
        if end_at_random(running, random):
            killed += 1
        else:
            assert running.ended().status == 0, running.errors
            assert digests(project, store) == whole
            assert leftovers(store) == []
            number += 1
        after = {path: path.stat().st_mtime_ns for path in recorded(store)}
        assert before.items() <= after.items(), "a finished run was lost or trained again"
        assert digests(project, store).items() <= whole.items()
        assert len(leftovers(store)) <= LEFT_AT_MOST, "what killed trainings leave behind grows"
    ended = here(project, "train", "--all", "--store", store.name)
    assert ended.status == 0, ended.errors
    assert digests(project, store) == whole
    assert leftovers(store) == []


def test_a_worker_that_is_killed_from_outside_is_replaced(project: Path, whole: dict[str, str]) -> None:
    running = stabbench(project, "train", "--all", "--workers", "2")
    assert wait_until(lambda: len(running.others()) == 2)
    os.kill(running.others()[0], signal.SIGKILL)
    ended = running.ended()
    assert ended.status == 0, ended.errors
    assert ended.trained == 6
    assert digests(project) == whole
