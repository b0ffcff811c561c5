"""Records in a real SQLite tracking database: what is shown, and that nothing is ever there twice."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Experiment, Run

from stabbench.analysis import frame, stability
from stabbench.analysis.manifest import FigureFile, write_manifest
from stabbench.analysis.place import Place
from stabbench.records import Selection
from stabbench.tracking import TrackingOutcome
from tests import warm
from tests.analysis.synthetic import DIVERGED, SyntheticCell, write_runs

Track = Callable[..., TrackingOutcome]
DEVLIN = SyntheticCell([0.5, 0.0, -0.1, 0.4, 0.55, 0.3, 0.0, 0.45, 0.5, 0.2, DIVERGED])
MOSBACH = SyntheticCell([0.5 + 0.01 * seed for seed in range(11)], strategy="mosbach")
MIXOUT = SyntheticCell([0.3, 0.2, 0.4], strategy="mixout")


class Database:
    """What a tracking database holds for the preset `demo`."""

    def __init__(self, uri: str) -> None:
        self.client = MlflowClient(tracking_uri=uri)

    @property
    def experiment(self) -> Experiment:
        found = self.client.get_experiment_by_name("stabbench/demo")
        assert found is not None
        return found

    def search(self, condition: str) -> list[Run]:
        return list(self.client.search_runs([self.experiment.experiment_id], condition))

    def cells(self, strategy: str) -> list[Run]:
        return self.search(f"tags.`stabbench.kind` = 'cell' AND tags.strategy = '{strategy}'")

    def cell(self, strategy: str = "devlin") -> Run:
        (run,) = self.cells(strategy)
        return run

    def children(self, parent: Run) -> dict[int, Run]:
        found = self.search(f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
        seeds = {int(run.data.tags["stabbench.seed"]): run for run in found}
        assert len(seeds) == len(found), "a seed is there twice"
        return seeds


@pytest.fixture
def database(uri: str) -> Database:
    return Database(uri)


def digest(uri: str) -> str:
    return hashlib.sha256(Path(uri.removeprefix("sqlite:///")).read_bytes()).hexdigest()


def test_a_cell_becomes_a_parent_run_with_its_row_of_the_stability_table(
    runs: Path, track: Track, database: Database
) -> None:
    write_runs(runs, [DEVLIN, MOSBACH])
    outcome = track()
    assert outcome.complete, outcome.line()
    assert (outcome.logged, outcome.found, outcome.cells) == (22, 0, 2)
    table = stability(frame(Selection.read(runs))).set_index("strategy")
    for strategy in ("devlin", "mosbach"):
        run, row = database.cell(strategy), table.loc[strategy]
        for name in ("n", "std", "mean", "max", "median", "failed", "diverged"):
            assert run.data.metrics[name] == row[name], name
        assert run.data.params["learning_rate"] == "2e-05"
        assert (run.data.tags["model"], run.data.tags["task"]) == ("synthetic", "acceptability")
        assert run.info.status == "FINISHED"
    best = database.cell("mosbach")
    assert best.data.metrics["levene_p"] == table.loc["mosbach", "p_levene_median"]
    assert best.data.tags["best_std"] == "yes"
    assert best.data.tags["second_smallest_std"] == "devlin"
    assert "levene_p" not in database.cell("devlin").data.metrics


def test_a_seed_becomes_a_child_run_with_its_recipe_scores_curves_data_set_and_files(
    runs: Path, track: Track, database: Database, tmp_path: Path
) -> None:
    (selected,) = write_runs(runs, [MIXOUT])
    track()
    parent = database.cell("mixout")
    children = database.children(parent)
    assert sorted(children) == [1, 2, 3]
    run, record = children[2], selected.records[2]
    assert run.info.status == "FINISHED"
    assert run.data.tags["stabbench.fingerprint"] == record.fingerprint
    assert run.data.tags["stabbench.status"] == "ok"
    expected = {"seed": "2", "mixout.p": "0.7", "epochs": "3.0", "max_grad_norm": "1.0", "warmup_steps": "3"}
    assert {name: run.data.params[name] for name in expected} == expected
    assert run.data.params["total_steps"] == str(record.result.total_steps)
    metrics = run.data.metrics
    assert metrics["final_mcc"] == metrics["best_mcc"] == 0.2
    assert metrics["train_loss_final"] == 0.05
    assert metrics["cost_flops"] == record.result.cost.flops
    assert metrics["failed"] == 0

    history = record.history()
    curve = {point.step: point.value for point in database.client.get_metric_history(run.info.run_id, "train/loss")}
    assert curve == dict(zip(history["step"], history["train_loss"], strict=True))
    assert metrics["train/loss"] == history["train_loss"].iloc[-1]

    assert run.inputs is not None
    (dataset,) = run.inputs.dataset_inputs
    assert dataset.dataset.name == "acceptability"
    assert selected.cell.task_facts.content_hash.startswith(dataset.dataset.digest)
    assert len(dataset.dataset.digest) == 36
    for name in ("record.json", "gradnorms.parquet"):
        found = database.client.download_artifacts(run.info.run_id, name, str(tmp_path))
        assert Path(found).read_bytes() == (record.folder / name).read_bytes()


def test_a_diverged_run_counts_as_failed_and_shows_only_numbers(runs: Path, track: Track, database: Database) -> None:
    write_runs(runs, [DEVLIN])
    track()
    run = database.children(database.cell())[11]
    assert run.data.tags["stabbench.status"] == "diverged"
    assert run.data.tags["diverged_at"] == "15"
    assert (run.data.metrics["failed"], run.data.metrics["diverged"], run.data.metrics["final_mcc"]) == (1, 1, 0)
    assert all(math.isfinite(value) for value in run.data.metrics.values())


def test_a_second_call_leaves_every_byte_of_the_database_alone(runs: Path, track: Track, uri: str) -> None:
    write_runs(runs, [DEVLIN, MOSBACH])
    track()
    before = digest(uri)
    outcome = track()
    assert digest(uri) == before
    assert (outcome.logged, outcome.found, outcome.cells) == (0, 22, 0)
    assert "up to date, 22 runs" in outcome.line()


def test_seeds_that_come_and_go_change_the_parents_n_and_no_run_that_is_there(
    runs: Path, track: Track, database: Database
) -> None:
    write_runs(runs, [dataclasses.replace(DEVLIN, scores=DEVLIN.scores[:4])])
    track()
    parent = database.cell()
    four = database.children(parent)
    write_runs(runs, [dataclasses.replace(DEVLIN, scores=DEVLIN.scores[:6])])
    assert (track().logged, database.cell().data.metrics["n"]) == (2, 6)
    write_runs(runs, [dataclasses.replace(DEVLIN, scores=DEVLIN.scores[:2])])
    assert (track().logged, database.cell().data.metrics["n"]) == (0, 2)
    assert database.cell().info.run_id == parent.info.run_id
    children = database.children(database.cell())
    assert {seed: run.info.run_id for seed, run in children.items() if seed <= 4} == {
        seed: run.info.run_id for seed, run in four.items()
    }
    selected = {seed: run.data.tags["stabbench.selected"] for seed, run in children.items()}
    assert selected == {seed: "true" if seed <= 2 else "false" for seed in range(1, 7)}


def test_a_number_that_is_no_longer_defined_does_not_stay_in_the_run_list(
    runs: Path, track: Track, database: Database
) -> None:
    write_runs(runs, [DEVLIN, MOSBACH])
    track()
    assert database.cell("mosbach").data.metrics["levene_p"] < 0.05
    shutil.rmtree(runs / "synthetic/acceptability/devlin")
    track()
    assert math.isnan(database.cell("mosbach").data.metrics["levene_p"])


def test_a_changed_recipe_is_a_new_cell_and_changing_it_back_logs_nothing(
    runs: Path, track: Track, database: Database
) -> None:
    write_runs(runs, [MIXOUT])
    track()
    first = database.cell("mixout")
    write_runs(runs, [dataclasses.replace(MIXOUT, learning_rate=5e-5)])
    assert track().logged == 3
    current = {run.data.params["learning_rate"]: run.data.tags["stabbench.current"] for run in database.cells("mixout")}
    assert current == {"2e-05": "false", "5e-05": "true"}
    write_runs(runs, [MIXOUT])
    outcome = track()
    assert (outcome.logged, outcome.cells, outcome.found) == (0, 0, 3)
    (again,) = [run for run in database.cells("mixout") if run.data.tags["stabbench.current"] == "true"]
    assert again.info.run_id == first.info.run_id


def test_a_run_that_was_trained_again_with_another_result_replaces_the_old_one(
    runs: Path, track: Track, database: Database
) -> None:
    write_runs(runs, [MIXOUT])
    track()
    shutil.rmtree(runs)
    shutil.rmtree(runs.parent / "runs-store")
    write_runs(runs, [dataclasses.replace(MIXOUT, scores=[0.3, 0.9, 0.4])])
    assert track().logged == 1
    assert database.children(database.cell("mixout"))[2].data.metrics["final_mcc"] == 0.9
    assert database.cell("mixout").data.metrics["max"] == 0.9


def test_runs_that_somebody_logged_twice_or_half_are_brought_in_order(
    runs: Path, track: Track, database: Database
) -> None:
    write_runs(runs, [MIXOUT])
    track()
    parent = database.cell("mixout")
    children = database.children(parent)
    client, identity = database.client, database.experiment.experiment_id
    twin = client.create_run(identity, tags=children[1].data.tags)
    client.set_terminated(twin.info.run_id)
    client.update_run(children[2].info.run_id, status="RUNNING")
    client.delete_run(children[3].info.run_id)
    second_parent = client.create_run(identity, tags=parent.data.tags)
    outcome = track()
    assert (outcome.found, outcome.logged) == (1, 2)
    after = database.children(database.cell("mixout"))
    assert after[1].info.run_id == children[1].info.run_id
    assert {run.info.status for run in after.values()} == {"FINISHED"}
    assert sorted(after) == [1, 2, 3]
    assert client.get_run(second_parent.info.run_id).info.lifecycle_stage == "deleted"


def test_a_parent_run_that_was_deleted_is_made_again_over_the_children_that_are_there(
    runs: Path, track: Track, database: Database
) -> None:
    write_runs(runs, [MIXOUT])
    track()
    database.client.delete_run(database.cell("mixout").info.run_id)
    outcome = track()
    assert (outcome.found, outcome.logged, outcome.cells) == (3, 0, 1)
    assert len(database.children(database.cell("mixout"))) == 3


def test_a_call_that_is_killed_in_the_middle_is_completed_by_the_next(
    runs: Path, track: Track, database: Database, uri: str
) -> None:
    write_runs(runs, [DEVLIN, MOSBACH])
    code = (
        "import sys; from pathlib import Path; from stabbench.tracking import bring_up_to_date\n"
        f"bring_up_to_date(Path({str(runs)!r}), preset='demo', tracking_uri={uri!r},\n"
        "    progress=lambda done, total: print(done, flush=True))\n"
    )
    ours, theirs = os.pipe()
    process = warm.Started(["interpreter/python", "-c", code], runs.parent, os.environ, theirs, theirs)
    os.close(theirs)
    with os.fdopen(ours) as said:
        assert "5\n" in said
        process.send_signal(signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    outcome = track()
    assert outcome.complete, outcome.line()
    assert outcome.found >= 5
    assert outcome.logged >= 1
    assert sum(len(database.children(database.cell(name))) for name in ("devlin", "mosbach")) == 22


def test_ctrl_c_in_the_middle_is_passed_on_and_the_next_call_goes_on(
    runs: Path, track: Track, database: Database
) -> None:
    write_runs(runs, [MIXOUT])

    def interrupt(done: int, total: int) -> None:
        assert total == 3
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        track(progress=interrupt)
    assert track().complete
    assert len(database.children(database.cell("mixout"))) == 3


def test_figures_of_the_cell_and_of_the_whole_comparison_are_on_the_parent_run(
    runs: Path, track: Track, database: Database, tmp_path: Path
) -> None:
    long_name = dataclasses.replace(MIXOUT, task="acceptability-1k")
    write_runs(runs, [MIXOUT, long_name])
    figures = tmp_path / "figures"
    known = [FigureFile("stability", "scores", None)]
    for task in ("acceptability", "acceptability-1k"):
        known.append(FigureFile(f"gradient-norms-synthetic-{task}", "gradients", Place("synthetic", task)))
        known.append(FigureFile(f"other-{task}", "training", Place("synthetic", task, "another")))
    figures.mkdir()
    write_manifest(figures, known)
    for item in known:
        (figures / f"{item.stem}.png").write_bytes(item.stem.encode())
        (figures / f"{item.stem}.svg").write_text(item.stem)
    (figures / "mine-synthetic-acceptability.png").write_bytes(b"in no manifest")
    track(figures=figures)
    for task in ("acceptability", "acceptability-1k"):
        (parent,) = database.search(f"tags.`stabbench.kind` = 'cell' AND tags.task = '{task}'")
        names = {item.path for item in database.client.list_artifacts(parent.info.run_id)}
        assert names == {"stability.png", f"gradient-norms-synthetic-{task}.png"}
    (figures / "stability.png").write_bytes(b"another")
    assert track(figures=figures).cells == 2


def test_the_saved_view_shows_the_columns_of_table_1_and_finds_the_current_cells(
    runs: Path, track: Track, database: Database
) -> None:
    write_runs(runs, [MIXOUT])
    track()
    write_runs(runs, [dataclasses.replace(MIXOUT, learning_rate=5e-5), MOSBACH])
    track()
    state = json.loads(database.experiment.tags["mlflow.sharedViewState.stabbench-table"])
    for name in ("std", "mean", "max", "failed", "levene_p"):
        assert f"metrics.`{name}`" in state["selectedColumns"]
    found = database.search(state["searchFilter"])
    assert sorted((run.data.tags["strategy"], run.data.params["learning_rate"]) for run in found) == [
        ("mixout", "5e-05"),
        ("mosbach", "2e-05"),
    ]


def test_artifacts_lie_beside_the_database(runs: Path, track: Track, database: Database, tmp_path: Path) -> None:
    write_runs(runs, [MIXOUT])
    track()
    assert len(list((tmp_path / "mlruns/stabbench/demo").glob("*/artifacts/gradnorms.parquet"))) == 3
    frames = [pd.read_parquet(path) for path in (tmp_path / "mlruns").rglob("gradnorms.parquet")]
    assert all(len(table) for table in frames)
