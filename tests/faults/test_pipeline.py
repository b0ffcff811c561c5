"""What the end of a process at the wrong moment costs: nothing that was finished."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stabbench.plan import Cell
from stabbench.records import Store
from tests.test_pipeline import SIZES, Project

CELL = Path("plan/embedded/acceptability/devlin.json")


def trainers(folder: Path) -> list[int]:
    """Processes that train in the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() == folder and b"train" in (process / "cmdline").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return holds()


def records(store: Path) -> int:
    return len(list(store.glob("??/*/record.json")))


def digests(project: Project, store: str) -> dict[int, str]:
    cell = Cell.read(project.folder / CELL)
    found = {seed: Store(project.folder / store).find(cell.fingerprint(seed)) for seed in cell.seeds}
    return {seed: record.data["result_digest"] for seed, record in found.items() if record is not None}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_killed_pipeline_leaves_no_trainer_and_loses_no_finished_run(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.change(
        seeds="1-8",
        grid__tasks=["acceptability"],
        grid__strategies=["devlin"],
        strategies__devlin__recipe={"epochs": 12},
        tasks__acceptability__train_size=64,
        tasks__acceptability__dev_size=32,
        models__embedded__pretraining={**SIZES, "layers": 3, "sentences": 50, "pairs": 10, "batch_size": 8},
    )
    project.run("dvc", "repro", "plan")
    environment = {**project.environment, "STABBENCH_CHECKPOINT_MINUTES": "0"}
    store = tmp_path / ".stabbench/runs"
    pipeline = subprocess.Popen(
        ["dvc", "repro", "report"], cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    assert wait_until(lambda: records(store) >= 2, 120)
    os.kill(pipeline.pid, signal.SIGKILL)
    pipeline.wait()
    assert wait_until(lambda: not trainers(tmp_path), 10), "a trainer outlived its pipeline"
    finished = digests(project, ".stabbench/runs")
    assert 2 <= len(finished) < 8

    _, trained = project.repro()
    assert trained == [8 - len(finished), 0]
    resumed = digests(project, ".stabbench/runs")
    project.run("stabbench", "train", "--strategy", "devlin", "--store", "uninterrupted", "--runs", "elsewhere")
    assert resumed == digests(project, "uninterrupted")
    assert len(resumed) == 8
    assert finished.items() <= resumed.items()
