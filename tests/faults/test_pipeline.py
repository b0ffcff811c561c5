"""`dvc repro` that is ended, stopped, broken by a strategy or left without its tracking server in the middle."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from mlflow import MlflowClient

from stabbench.plan import Cell
from stabbench.records import Store
from tests import warm
from tests.faults.processes import ROUNDS, Running, digests, here, leftovers, recorded, stabbench, wait_until
from tests.test_pipeline import SIZES, Project, change_params
from tests.tracking.databases import put_empty_database
from tests.tracking.processes import Server, free_port

pytestmark = pytest.mark.xdist_group("pipeline")  # its project is made once, with `--dist loadgroup`
CELL = "train@embedded-acceptability-devlin"
STRATEGY = """
import os

from stabbench import Strategy


class Fussy(Strategy):
    def training_weights(self, weights, ctx):
        seed = ctx.draws[0].seed
        if seed == 3 and ctx.step == 2 and not os.path.exists("mended"):
            raise RuntimeError("seed three does not like this")
        if seed == 1 and ctx.step == 4:
            return {**weights, "classifier.bias": weights["classifier.bias"] * float("nan")}
        return weights
"""


@pytest.fixture(scope="session")
def planned_pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DVC project that has run up to its plan; the store `whole` has what an undisturbed training gives."""
    project = Project(tmp_path_factory.mktemp("pipeline"))
    project.change(
        preset="faults",
        seeds="1-6",
        grid__tasks=["acceptability"],
        grid__strategies=["devlin"],
        strategies__devlin__recipe={"epochs": 90},
        tasks__acceptability__train_size=48,
        models__embedded__pretraining={**SIZES, "layers": 2, "sentences": 50, "pairs": 10, "batch_size": 8},
    )
    project.run("dvc", "repro", "plan")
    whole = here(project.folder, "train", "--all", "--store", "whole")
    assert whole.status == 0, whole
    return project.folder


@pytest.fixture
def pipeline(planned_pipeline: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(planned_pipeline, tmp_path / "pipeline", symlinks=True))


def repro(folder: Path, *words: str, **environment: str) -> Running:
    return Running(folder, "dvc", "repro", *words, STABBENCH_WORKERS="2", **environment)


def undisturbed(folder: Path, *words: str, **environment: str) -> Running:
    """The same where nobody signals its processes or looks at them."""
    return repro(folder, *words, PATH=warm.path(), **environment)


@pytest.mark.slow
@pytest.mark.timeout(120 + 60 * ROUNDS)
def test_a_pipeline_that_is_killed_again_and_again_leaves_no_trainer_and_loses_no_finished_run(pipeline: Path) -> None:
    whole = digests(pipeline, pipeline / "whole")
    store = pipeline / ".stabbench/runs"
    random = Random(2)
    killed = 0
    for _ in range(max(2, ROUNDS // 3)):
        before = {path: path.stat().st_mtime_ns for path in recorded(store)}
        running = repro(pipeline, CELL, STABBENCH_CHECKPOINT_MINUTES="0.002")
        trains = running.comes_to(lambda running: len(running.trainers()) > 1)
        if trains and not running.ends_within(random.random() / 3):
            number = random.choice([signal.SIGKILL, signal.SIGTERM])
            random.choice([os.kill, os.killpg])(running.process.pid, number)
            killed += 1
        running.ended()
        assert before.items() <= {path: path.stat().st_mtime_ns for path in recorded(store)}.items()
        assert digests(pipeline).items() <= whole.items()
    assert killed
    missing = 6 - len(recorded(store))
    ended = undisturbed(pipeline, CELL).ended()
    assert ended.status == 0, ended.errors
    assert ended.trained == missing
    assert digests(pipeline) == whole
    assert leftovers(store) == []
    assert len(list((pipeline / "runs").rglob("record.json"))) == 6


def test_ctrl_c_in_a_pipeline_is_said_by_the_stage_and_the_next_start_goes_on(pipeline: Path) -> None:
    store = pipeline / ".stabbench/runs"
    running = repro(pipeline, "fill")
    assert wait_until(lambda: recorded(store))
    running.press_ctrl_c()
    ended = running.ended()
    assert ended.status != 0
    # The stage ends with 130; a shell that does not hand over to it (dash) dies of the same signal, and DVC says -2.
    assert re.search(r"exited with (130|-2)\b", ended.errors), ended.errors
    assert "Traceback" not in ended.errors
    said = re.search(r"Stopped by Ctrl-C: (\d+) of 6 runs are recorded, (\d+) are left", ended.errors)
    assert said is not None, ended.errors
    assert "Go on with `dvc repro`." in ended.errors
    again = undisturbed(pipeline, "fill").ended()
    assert again.status == 0, again.errors
    assert again.trained == int(said[2])
    assert digests(pipeline) == digests(pipeline, pipeline / "whole")


def test_a_strategy_that_raises_in_seed_three_leaves_the_other_seeds_and_is_tried_again(pipeline: Path) -> None:
    (pipeline / "fussy.py").write_text(STRATEGY)
    fussy = {"plugin": "./fussy.py:Fussy", "recipe": {"learning_rate": 1e-3, "epochs": 10}}
    change_params(pipeline, grid__strategies=["fussy"], strategies__fussy=fussy)
    stage = "train@embedded-acceptability-fussy"
    ended = undisturbed(pipeline, stage).ended()
    assert ended.status != 0
    assert "error: embedded/acceptability/fussy seed 3: RuntimeError: seed three does not like this" in ended.errors
    cell = Cell.read(pipeline / "plan/embedded/acceptability/fussy.json")
    store = Store(pipeline / ".stabbench/runs")
    records = {seed: store.find(cell.fingerprint(seed)) for seed in cell.seeds}
    statuses = {seed: record.status for seed, record in records.items() if record is not None}
    assert statuses[1] == "diverged"
    assert statuses[3] == "error"
    assert {statuses[seed] for seed in (2, 4, 5, 6)} <= {"ok", "failed"}
    broken = records[3]
    assert broken is not None
    assert broken.error is not None
    assert 'raise RuntimeError("seed three does not like this")' in broken.error.traceback
    (pipeline / "mended").touch()
    again = undisturbed(pipeline, stage).ended()
    assert again.status == 0, again.errors
    assert again.trained == 1
    mended = store.find(cell.fingerprint(3))
    assert mended is not None
    assert mended.finished


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "server"
    folder.mkdir()
    put_empty_database(folder)
    server = Server(folder)
    yield server
    server.stop()


@pytest.mark.slow
def test_a_tracking_server_that_is_down_then_killed_then_back_has_every_run_once_and_costs_no_report(
    pipeline: Path, server: Server
) -> None:
    shutil.copytree(pipeline / "whole", pipeline / ".stabbench/runs")
    dead = f"http://127.0.0.1:{free_port()}"
    ended = undisturbed(pipeline, MLFLOW_TRACKING_URI=dead).ended()
    assert ended.status != 0
    assert "6 not logged yet" in ended.errors
    assert "Traceback" not in ended.errors
    assert ended.trained == 0
    page = (pipeline / "reports/index.html").read_bytes()

    server.start()
    running = undisturbed(pipeline, MLFLOW_TRACKING_URI=server.uri)
    asked = "POST /api/2.0/mlflow/runs/create"
    assert running.comes_to(lambda running: server.requests().count(asked) >= 3), running.errors
    server.kill()
    ended = running.ended()
    assert ended.status != 0
    assert "Nothing is lost: run `stabbench track` again." in ended.errors
    assert "Traceback" not in ended.errors

    server.start()
    ended = undisturbed(pipeline, MLFLOW_TRACKING_URI=server.uri).ended()
    assert ended.status == 0, ended.errors
    assert ended.trained == 0
    client = MlflowClient(tracking_uri=server.uri)
    experiment = client.get_experiment_by_name("stabbench/faults")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], "tags.`stabbench.kind` = 'run'")
    assert sorted(int(run.data.tags["stabbench.seed"]) for run in runs) == [1, 2, 3, 4, 5, 6]
    assert (pipeline / "reports/index.html").read_bytes() == page


def test_a_pipeline_goes_on_where_a_command_left_off(pipeline: Path) -> None:
    """A training that was stopped by hand, and then `dvc repro`."""
    running = stabbench(pipeline, "train", "--workers", "1")
    assert wait_until(lambda: len(recorded(pipeline / ".stabbench/runs")) >= 2)
    running.press_ctrl_c()
    assert running.ended().status == 130
    done = len(recorded(pipeline / ".stabbench/runs"))
    ended = undisturbed(pipeline, "fill").ended()
    assert ended.status == 0, ended.errors
    assert ended.trained == 6 - done
