"""Ctrl-C and SIGTERM: what is being written is finished, and the last line says what is left and how to go on.

Ctrl-C is pressed as in a terminal: every process of the command hears it.
"""

from __future__ import annotations

import re
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from stabbench.files import read_json
from tests.analysis.synthetic import SyntheticCell, write_runs
from tests.faults.conftest import PARAMS
from tests.faults.processes import Ended, Running, digests, here, leftovers, recorded, stabbench, wait_until
from tests.tracking.databases import put_empty_database

STUDY = """
studies:
  ablation: {model: embedded, task: acceptability, learning_rates: [1.0e-3], epochs: [50, 60], seeds: 1-3}
"""

PROBE = """strategies:
  devlin: {plugin: devlin, recipe: {learning_rate: 1.0e-9}}
  mosbach: {plugin: mosbach, recipe: {learning_rate: 1.0e-2, batch_size: 4}}
probes:
  surface: {points: 41, examples: 40}
"""
"""The runs of `devlin` fail and those of `mosbach` do not: the probe looks at one of each."""


def stopped(running: Running, when: Callable[[], object], number: signal.Signals = signal.SIGINT) -> Ended:
    """Press Ctrl-C, or send SIGTERM to the command alone, once something holds."""
    assert running.comes_to(lambda _: when()), running.errors
    if number == signal.SIGINT:
        running.press_ctrl_c()
    else:
        running.process.send_signal(number)
    ended = running.ended()
    assert ended.status == 128 + number, ended
    assert "Traceback" not in ended.errors, ended.errors
    assert (
        ended.errors.strip()
        .splitlines()[-1]
        .startswith("Stopped by Ctrl-C: " if number == signal.SIGINT else "Stopped by SIGTERM: ")
    )
    assert ended.errors.strip().endswith("Go on with the same command."), ended.errors
    return ended


def left(ended: Ended) -> tuple[int, int, int]:
    """(recorded, all, left) runs in the last line."""
    found = re.search(r"(\d+) of (\d+) runs are recorded, (\d+) are left", ended.errors)
    assert found is not None, ended.errors
    return int(found[1]), int(found[2]), int(found[3])


@pytest.mark.parametrize(
    ("words", "number", "workers"),
    [
        (["train"], signal.SIGINT, "1"),
        (["train", "--all"], signal.SIGTERM, "2"),
    ],
)
def test_a_stopped_training_says_what_is_left_and_the_same_command_goes_on(
    project: Path, whole: dict[str, str], words: list[str], number: signal.Signals, workers: str
) -> None:
    store = project / ".stabbench/runs"
    environment = {"STABBENCH_WORKERS": workers, "STABBENCH_CHECKPOINT_MINUTES": "0.002"}
    ended = stopped(stabbench(project, *words, **environment), lambda: len(recorded(store)) >= 2, number)
    done, planned, missing = left(ended)
    assert planned == 6
    assert done == len(recorded(store)) == 6 - missing >= 2
    again = here(project, *words, **environment)
    assert again.status == 0, again.errors
    assert again.trained == missing
    assert digests(project) == whole
    assert leftovers(store) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_a_stopped_training_has_begun_goes_on_where_it_was(project: Path, number: signal.Signals) -> None:
    params = (project / "params.yaml").read_text().replace("seeds: 1-6", "seeds: 1-2")
    (project / "params.yaml").write_text(params.replace("epochs: 60", "epochs: 60000"))
    kept = project / ".stabbench/runs/.checkpoints"

    def steps() -> list[int]:
        return sorted(int(read_json(path)["step"]) for path in kept.glob("*/state.json"))

    def after_a_second_of_training() -> Callable[[], bool]:
        began: list[float] = []

        def passed() -> bool:
            if list(project.glob(".stabbench/runs/.locks/*.training.lock")) and not began:
                began.append(time.monotonic())
            return bool(began) and time.monotonic() - began[0] > 2.5

        return passed

    stopped(stabbench(project, "train", "--workers", "2"), after_a_second_of_training(), number)
    first = steps()
    assert len(first) == 2
    assert first[0] > 0
    stopped(stabbench(project, "train", "--workers", "2"), after_a_second_of_training(), number)
    assert all(later > earlier for earlier, later in zip(first, steps(), strict=True))


def test_a_second_ctrl_c_does_not_spoil_what_the_first_one_ends(project: Path) -> None:
    store = project / ".stabbench/runs"
    running = stabbench(project, "train", "--all", "--workers", "2", STABBENCH_CHECKPOINT_MINUTES="0.002")
    assert wait_until(lambda: recorded(store))
    for _ in range(3):
        running.press_ctrl_c()
    ended = running.ended()
    assert ended.status == 130, ended
    assert left(ended)[0] == len(recorded(store))
    assert "Traceback" not in ended.errors


def test_a_stopped_study_says_what_is_left_and_goes_on(project: Path) -> None:
    with (project / "params.yaml").open("a") as file:
        file.write(STUDY)
    store = project / ".stabbench/runs"
    done, planned, missing = left(stopped(stabbench(project, "study", "ablation"), lambda: recorded(store)))
    assert (done, planned) == (len(recorded(store)), 12)
    again = here(project, "study", "ablation")
    assert again.status == 0, again.errors
    assert again.trained == missing


def test_a_stopped_probe_keeps_what_it_has_measured(project: Path) -> None:
    grid = PARAMS.split("strategies:\n  devlin")[0].replace("[devlin]", "[devlin, mosbach]").replace("1-6", "1-2")
    (project / "params.yaml").write_text(grid + PROBE)
    trained = here(project, "train")
    assert trained.status == 0, trained.errors
    measured = project / ".stabbench/runs/.probes"
    running = stabbench(project, "probe", "surface", "--workers", "2")
    ended = stopped(running, lambda: len(list(measured.rglob("*.json"))) >= 3)
    assert "done and kept, probes/surface/ is as before" in ended.errors
    kept = {path: path.stat().st_mtime_ns for path in measured.rglob("*.json")}
    again = here(project, "probe", "surface", "--workers", "2")
    assert again.status == 0, again.errors
    assert kept.items() <= {path: path.stat().st_mtime_ns for path in measured.rglob("*.json")}.items()


def test_a_stopped_pretraining_leaves_the_model_that_was_there(project: Path) -> None:
    params = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(params.replace("steps: 10", "steps: 20000"))
    model = project / "models/embedded"
    before = {path: path.stat().st_mtime_ns for path in model.iterdir()}
    running = stabbench(project, "pretrain")
    ended = stopped(running, lambda: leftovers(model.parent))
    assert re.search(r"[\d,]+ of 20,000 steps were done", ended.errors)
    assert leftovers(model.parent) == []
    assert {path: path.stat().st_mtime_ns for path in model.iterdir()} == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_preparation_names_the_tasks_that_are_left(project: Path, number: signal.Signals) -> None:
    params = (project / "params.yaml").read_text()
    large = "\ntasks:\n  large: {dataset: entailment, train_size: 200000, dev_size: 32}\n"
    (project / "params.yaml").write_text(params.replace("\ntasks:\n", large))
    marker = project / "data/acceptability/task.json"
    marker.unlink()
    ended = stopped(stabbench(project, "prepare", "acceptability", "large"), marker.exists, number)
    assert "1 of 2 tasks are prepared, left: large" in ended.errors
    assert not (project / "data/large/task.json").exists()
    assert leftovers(project / "data") == []


def test_a_stopped_report_leaves_no_half_file_and_no_traceback_of_those_who_draw(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(PARAMS)
    write_runs(tmp_path / "runs", [SyntheticCell([0.1] * 10)])
    ended = stopped(stabbench(tmp_path, "report"), (tmp_path / "reports/tables").exists)
    assert "reports is not complete" in ended.errors
    assert leftovers(tmp_path / "reports") == []


def test_stopped_tracking_says_how_many_runs_are_logged_and_goes_on_without_logging_one_twice(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(PARAMS)
    write_runs(tmp_path / "runs", [SyntheticCell([0.1] * 40)])
    put_empty_database(tmp_path)

    def logged() -> int:
        with closing(sqlite3.connect(f"file:{tmp_path / 'mlflow.db'}?mode=ro", uri=True)) as database:
            try:
                return int(database.execute("SELECT count(*) FROM runs WHERE status = 'FINISHED'").fetchone()[0])
            except sqlite3.Error:
                return 0

    ended = stopped(stabbench(tmp_path, "track"), lambda: logged() >= 2)
    found = re.search(r"(\d+) of 40 runs are logged, (\d+) are left", ended.errors)
    assert found is not None, ended.errors
    again = here(tmp_path, "track")
    assert again.status == 0, again.errors
    counts = re.search(r"(\d+) runs logged, (\d+) there already", again.output)
    assert counts is not None, again.output
    assert int(counts[1]) + int(counts[2]) == 40
    assert int(counts[2]) >= int(found[1]) >= 1
    assert logged() == 41
