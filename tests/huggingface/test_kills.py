"""Trainer's runs that are killed in the middle: nothing finished is lost, nothing stays behind, the rest is trained."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

import stabbench
from tests.faults.processes import Running, digests, leftovers, recorded, wait_until
from tests.faults.processes import stabbench as started
from tests.huggingface import folders

RUNS = 8


@pytest.fixture(scope="module")
def planned(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of one cell whose runs last a good part of a second."""
    folder = tmp_path_factory.mktemp("kills") / "project"
    folder.mkdir()
    shutil.copytree(prepared / "bert", folder / "bert")
    shutil.copytree(prepared / "data", folder / "data")
    strategies = {"mine": folders.strategy({"total_steps": 80})}
    (folder / "params.yaml").write_text(folders.params({"bert": {"source": "./bert"}}, strategies, seeds=f"1-{RUNS}"))
    stabbench.Project(folder).plan()
    return folder


@pytest.fixture(scope="module")
def whole(planned: Path) -> dict[str, str]:
    """The digests of an uninterrupted training."""
    folder = Path(shutil.copytree(planned, planned.with_name("whole")))
    stabbench.Project(folder).train(workers=2)
    return digests(folder)


def in_the_middle(folder: Path) -> Running:
    """A training on two workers of which a run is recorded, and some are not."""
    running = started(folder, "train", "--all", "--workers", "2")
    assert running.comes_to(lambda it: recorded(folder / ".stabbench/runs") and len(it.others()) == 2)
    return running


def test_a_training_that_is_killed_leaves_no_process_and_is_finished_by_the_next(
    planned: Path, whole: dict[str, str], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(planned, tmp_path / "project"))
    store, running = folder / ".stabbench/runs", in_the_middle(folder)
    os.kill(running.process.pid, signal.SIGKILL)
    assert running.ended().status == -signal.SIGKILL  # and no process of its session is left
    before = {path: path.stat().st_mtime_ns for path in recorded(store)}
    assert 0 < len(before) < RUNS
    trained = stabbench.Project(folder).train(workers=2)
    assert trained.counts == f"{RUNS - len(before)} runs trained, {len(before)} already there"
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert digests(folder) == whole
    assert leftovers(store) == []


def test_a_worker_that_is_killed_is_replaced_and_every_run_comes_out_as_it_should(
    planned: Path, whole: dict[str, str], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(planned, tmp_path / "project"))
    running = in_the_middle(folder)
    lost = running.others()[0]
    os.kill(lost, signal.SIGKILL)
    assert wait_until(lambda: lost not in running.others())
    ended = running.ended()
    assert ended.status == 0, ended.errors
    assert ended.trained == RUNS
    assert digests(folder) == whole
