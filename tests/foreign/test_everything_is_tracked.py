"""Everything that a project has made is in MLflow: grid, studies, probes, under any name and at any length."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from mlflow import MlflowClient
from mlflow.entities import Run

from stabbench.cli import main
from stabbench.files import read_json
from tests.tiny import PROJECT
from tests.tracking.databases import put_empty_database

LONG = "many words, " * 700
FILE = "mine+v2 (copy), 50%=@home.py"
PARAMS = f"""seeds: 1-1{PROJECT.replace("[devlin]", "[devlin, mosbach, mine]")}strategies:
  devlin: {{plugin: devlin}}
  mosbach: {{plugin: mosbach, recipe: {{learning_rate: 1.0e-2, batch_size: 4}}}}
  mine: {{plugin: "./{FILE}:Mine", options: {{words: "{LONG}"}}}}
studies:
  ablation: {{model: embedded, task: acceptability, learning_rates: [1.0e-3], epochs: [3], seeds: 1-1}}
probes:
  surface: {{points: 2, examples: 8}}
"""
STRATEGY = '''"""A strategy of one's own."""
from dataclasses import dataclass

from stabbench import Strategy


@dataclass(frozen=True)
class MineOptions:
    words: str = ""


class Mine(Strategy):
    """Trains as devlin does."""

    Options = MineOptions
    options: MineOptions

    def training_weights(self, weights, ctx):
        return weights
'''
COMMANDS = ("prepare", "pretrain", "plan", "train", "study ablation", "probe surface", "track")


def run(command: str) -> Result:
    result = CliRunner().invoke(main, command.split(), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a study, a probe and a strategy file, trained and tracked."""
    folder = tmp_path_factory.mktemp("tracked")
    (folder / "params.yaml").write_text(PARAMS)
    (folder / FILE).write_text(STRATEGY)
    put_empty_database(folder)
    with pytest.MonkeyPatch.context() as patch:
        enter(folder, patch)
        for command in COMMANDS:
            run(command)
    return folder


def enter(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.chdir(folder)
    patch.setenv("STABBENCH_WORKERS", "1")
    for name in ("STABBENCH_STORE", "STABBENCH_DEVICE", "DVC_STAGE", "MLFLOW_TRACKING_URI"):
        patch.delenv(name, raising=False)


class Database:
    """What the project's tracking database shows."""

    def __init__(self, project: Path) -> None:
        self.client = MlflowClient(tracking_uri=f"sqlite:///{project / 'mlflow.db'}")
        found = self.client.get_experiment_by_name("stabbench/test")
        assert found is not None
        self.experiment = found

    def runs(self, condition: str) -> list[Run]:
        return list(self.client.search_runs([self.experiment.experiment_id], condition))

    def read(self, run: Run, artifact: str) -> str:
        return Path(self.client.download_artifacts(run.info.run_id, artifact)).read_text()

    def files(self, run: Run, folder: str | None = None) -> set[str]:
        return {item.path for item in self.client.list_artifacts(run.info.run_id, folder)}


@pytest.fixture
def database(project: Path) -> Database:
    return Database(project)


def test_every_run_is_there_once_also_where_the_grid_and_a_study_have_it(database: Database, project: Path) -> None:
    logged = [run.data.tags["stabbench.fingerprint"] for run in database.runs("tags.`stabbench.kind` = 'run'")]
    assert sorted(logged) == sorted(path.name for path in project.glob(".stabbench/runs/??/*"))
    counts = {part: len(database.runs(f"tags.`stabbench.part` = '{part}'")) for part in ("grid", "study", "probe")}
    assert counts == {"grid": 3 + 3, "study": 1 + 2 + 1, "probe": 1}


def test_a_studys_runs_are_found_by_its_tag_those_of_the_grid_among_them(database: Database) -> None:
    (study,) = database.runs("tags.`stabbench.kind` = 'study'")
    cells = database.runs("tags.`stabbench.kind` = 'study-cell'")
    assert {cell.data.tags["mlflow.parentRunId"] for cell in cells} == {study.info.run_id}
    for cell in cells:
        name = cell.data.tags["mlflow.runName"]
        (seed,) = database.runs(f"tags.`stabbench.study.ablation` = '{name}'")
        assert cell.data.metrics["mean"] == seed.data.metrics["final_mcc"]
        shared = cell.data.tags["stabbench.shared"] == "1 of 1 runs"
        assert (seed.data.tags["stabbench.part"] == "grid") == shared
        assert (seed.data.tags["mlflow.parentRunId"] == cell.info.run_id) == (not shared)
    assert sorted(cell.data.tags["stabbench.shared"] for cell in cells) == ["0 of 1 runs", "1 of 1 runs"]


def test_a_study_shows_its_options_counts_and_chapter(database: Database, project: Path) -> None:
    (study,) = database.runs("tags.`stabbench.study` = 'ablation' AND tags.`stabbench.kind` = 'study'")
    assert study.data.params == {
        "model": "embedded", "task": "acceptability", "learning_rates": "[0.001]", "epochs": "[3]", "seeds": "1-1",
    }  # fmt: skip
    assert study.data.metrics == {"cells": 2.0, "runs": 2.0, "shared_runs": 1.0}
    chapter = project / "reports/studies/ablation"
    assert database.files(study) == {path.name for path in chapter.iterdir() if path.suffix != ".svg"}
    assert study.data.tags["mlflow.note.content"]


def test_a_probe_shows_its_options_facts_and_tables(database: Database, project: Path) -> None:
    (probe,) = database.runs("tags.`stabbench.probe` = 'surface'")
    facts = read_json(project / "probes/surface/probe.json")["facts"]
    assert probe.data.params["probe"] == "surface"
    assert probe.data.params["points"] == "2"
    assert probe.data.metrics["examples"] == facts["examples"] == 8
    assert probe.data.tags["task"] == "acceptability"
    assert probe.data.tags["chosen"] == "devlin seed 1 (failed), mosbach seed 1 (ok)"
    assert {"probe.json", "surface.csv", "points.csv", "line.csv", "chapter"} == database.files(probe)
    assert "chapter/surface.png" in database.files(probe, "chapter")
    path = database.client.download_artifacts(probe.info.run_id, "points.csv")
    assert pd.read_csv(path).equals(pd.read_csv(project / "probes/surface/points.csv"))


def test_the_saved_view_shows_the_cells_of_the_grid_alone(database: Database) -> None:
    state = json.loads(database.experiment.tags["mlflow.sharedViewState.stabbench-table"])
    found = database.runs(state["searchFilter"])
    assert sorted(run.data.tags["strategy"] for run in found) == ["devlin", "mine", "mosbach"]


def test_a_second_call_finds_everything_and_writes_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(project, monkeypatch)
    before = (project / "mlflow.db").read_bytes()
    assert run("track").output.endswith("up to date, 4 runs\n")
    assert (project / "mlflow.db").read_bytes() == before


def test_a_strategy_file_of_any_name_and_a_value_of_any_length_are_logged(database: Database) -> None:
    runs = database.runs("tags.strategy = 'mine'")
    assert sorted(run.data.tags["stabbench.kind"] for run in runs) == ["cell", "run"]
    for one in runs:
        spelled = "mine_v2 _copy__ 50___home.py:Mine"
        keys = sorted(name for name in one.data.params if name.startswith(spelled))
        assert [name[:-8] for name in keys] == [f"{spelled}-", f"{spelled}.words-"]
        words = one.data.params[keys[1]]
        assert words.startswith(LONG[:200] + "… (8,400 characters, SHA-256 ")
        assert words.endswith("whole in parameters.json)")
        whole = json.loads(database.read(one, "parameters.json"))
        assert whole[f"{FILE}:Mine.words"] == LONG
        assert whole[f"{FILE}:Mine"].startswith("version ")
