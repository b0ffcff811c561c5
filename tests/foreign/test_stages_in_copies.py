"""No stage depends on what another makes in passing, and a copy for an experiment keeps nothing of its own.

Clones with DVC's cache, `dvc exp run --temp` and DVC's queue run as real processes over one small project, whose
params.yaml has nothing that may be left out.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from stabbench import scaffold
from stabbench.cli import main
from stabbench.folders import own_folder
from stabbench.tasks.sources.glue import folder_from_environment
from stabbench.tasks.wikitext import wikitext_test
from tests.faults.processes import recorded
from tests.test_pipeline import SIZES, Project, change_params
from tests.tiny import PROJECT
from tests.tracking.databases import put_empty_database

pytestmark = pytest.mark.xdist_group("copies")  # its project is made once, with `--dist loadgroup`
CELL = "train@embedded-acceptability-devlin"
PARAMS = """
seeds: 1-2
grid: {models: [embedded], tasks: [acceptability], strategies: [devlin]}
models:
  embedded: {learning_rate: 1.0e-3, pretraining: PRETRAINING}
tasks:
  acceptability: {dataset: acceptability, train_size: 32, dev_size: 32}
strategies:
  devlin: {plugin: devlin}
""".replace("PRETRAINING", str({**SIZES, "sentences": 50, "pairs": 10, "batch_size": 8}))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project without studies, probes and whatever else may be left out, made and committed."""
    project = Project(tmp_path_factory.mktemp("copies") / "project")
    (project.folder / "params.yaml").write_text(PARAMS)
    put_empty_database(project.folder)
    project.run("dvc", "repro", "--quiet", "report")
    commit(project)
    return project


@pytest.fixture
def in_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a project without Git and DVC, and with a study."""
    study = "studies: {crossed: {model: embedded, task: acceptability, levels: 2}}"
    (tmp_path / "params.yaml").write_text(f"seeds: 1-2{PROJECT}strategies: {{devlin: {{plugin: devlin}}}}\n{study}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commit(project: Project) -> None:
    project.run("git", "add", "--all")
    project.run("git", "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "--message", "made")


def stages(output: str) -> list[str]:
    """The stages that ran, without what DVC says of each attempt."""
    return re.findall(r"^Running stage '(.+)':", output, flags=re.MULTILINE)


def trained(output: str) -> int:
    return sum(int(number) for number in re.findall(r"(\d+) (?:runs )?trained", output))


def tracked(project: Project) -> int:
    """Runs of seeds in the project's own database."""
    with closing(sqlite3.connect(project.folder / "mlflow.db")) as database:
        (count,) = database.execute("SELECT count(*) FROM tags WHERE key = 'stabbench.fingerprint'").fetchone()
    return int(count)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_clone_with_dvcs_cache_finds_everything_and_leaves_the_original_alone(project: Project) -> None:
    clone = project.clone("clone")
    shutil.copytree(project.folder / ".dvc/cache", clone.folder / ".dvc/cache")
    before = {path: path.stat().st_mtime_ns for path in project.folder.rglob(".stabbench/**/*")}
    clone.run("dvc", "checkout", "--quiet")
    output = clone.run("dvc", "repro", "report")
    assert stages(output) == ["validate", "fill"]
    assert trained(output) == 0
    assert clone.run("git", "status", "--porcelain") == ""
    assert len(recorded(clone.folder / ".stabbench/runs")) == 2
    assert {path: path.stat().st_mtime_ns for path in project.folder.rglob(".stabbench/**/*")} == before

    with (clone.folder / "params.yaml").open("a") as file:
        file.write("studies: {}\nprobes: {}\nreport: {alpha: 0.001}\nkeep_weights: []\n")
    assert stages(clone.run("dvc", "repro", "report")) == ["validate"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_experiment_in_a_copy_trains_nothing_that_the_project_has_and_tracks_into_its_database(
    project: Project,
) -> None:
    output = project.run("dvc", "exp", "run", "--temp", "-S", "++report.alpha=0.01")
    assert stages(output) == ["validate", "fill", "report", "track"]
    assert trained(output) == 0

    project.run("dvc", "exp", "run", "--queue", "--name", "longer", "-S", "++strategies.devlin.recipe.epochs=4")
    output = project.run("dvc", "exp", "run", "--run-all")
    assert stages(output) == ["validate", "plan", "fill", CELL, "report", "track"]
    assert trained(output) == 2
    assert not list((project.folder / ".dvc/tmp/exps").glob("*/dvc.yaml"))  # the copy is gone
    assert len(recorded(project.folder / ".stabbench/runs")) == 4
    assert tracked(project) == 4

    project.run("dvc", "exp", "apply", "longer")
    output = project.run("dvc", "repro")
    assert stages(output) == ["validate", "track"]
    assert "up to date, 2 runs" in output


@pytest.mark.parametrize(
    ("place", "own"),
    [
        ("bench/.dvc/tmp/exps/tmpa", "bench"),
        ("bench/.dvc/tmp/exps/standalone/tmpa", "bench"),
        ("repository/bench/.dvc/tmp/exps/tmpa/bench", "repository/bench"),
        ("bench/clone", "bench/clone"),
        ("elsewhere/.dvc/tmp/exps/tmpa", "elsewhere/.dvc/tmp/exps/tmpa"),
    ],
    ids=["queue", "temp", "folder of a repository", "a clone", "no DVC project above"],
)
def test_a_copy_is_known_by_where_dvc_puts_it(tmp_path: Path, place: str, own: str) -> None:
    for folder in ("bench", "repository/bench", place):
        (tmp_path / folder / ".dvc").mkdir(parents=True)
        (tmp_path / folder / ".dvc/config").touch()
    (tmp_path / place / "notes").mkdir()
    assert own_folder(tmp_path / place) == tmp_path / own
    assert own_folder(tmp_path / place / "notes") == tmp_path / own / "notes"


def test_a_relative_place_that_somebody_chose_is_the_projects_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / ".dvc/tmp/exps/tmpa"
    (copy / ".dvc").mkdir(parents=True)
    (tmp_path / ".dvc/config").touch()
    (copy / "params.yaml").write_text(f"seeds: 1-2{PROJECT}strategies: {{devlin: {{plugin: devlin}}}}\n")
    monkeypatch.chdir(copy)
    for chosen, place in {"kept": tmp_path / "kept", str(tmp_path / "far"): tmp_path / "far"}.items():
        monkeypatch.setenv("STABBENCH_STORE", chosen)
        for words in (["pretrain"], ["train"]):
            assert CliRunner().invoke(main, words).exit_code == 0
        assert len(recorded(place)) == 2
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///notes/tracking.db")
    assert "2 runs logged" in CliRunner().invoke(main, ["track"]).output
    assert (tmp_path / "notes/tracking.db").exists()
    assert not (copy / "kept").exists()


def test_a_relative_folder_of_data_is_the_projects_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / ".dvc/tmp/exps/tmpa"
    (copy / ".dvc").mkdir(parents=True)
    (tmp_path / ".dvc/config").touch()
    (tmp_path / "wikitext").mkdir()
    (tmp_path / "wikitext/test.txt").write_text("= Rain =\n\nIt falls on the sea .\n")
    monkeypatch.chdir(copy)
    monkeypatch.setenv("STABBENCH_GLUE_DIR", "glue")
    monkeypatch.setenv("STABBENCH_WIKITEXT_DIR", "wikitext")
    assert folder_from_environment() == tmp_path / "glue"
    assert wikitext_test() == ["It falls on the sea ."]


def test_a_file_that_dvc_has_left_out_of_the_copy_is_named_with_what_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / ".dvc/tmp/exps/tmpa"
    (copy / ".dvc").mkdir(parents=True)
    (tmp_path / ".dvc/config").touch()
    (tmp_path / "mine.py").touch()
    (copy / "params.yaml").write_text(f"seeds: 1{PROJECT}strategies: {{devlin: {{plugin: './mine.py:Mine'}}}}\n")
    monkeypatch.chdir(copy)
    result = CliRunner().invoke(main, ["validate"])
    assert result.exit_code == 2
    assert "DVC copies only what Git tracks: `git add mine.py`, or `--copy-paths mine.py`" in result.output


def test_what_was_trained_is_reported_whichever_command_trained_it(in_project: Path) -> None:
    for words in (["pretrain"], ["prepare"], ["plan"], ["train", "--all"], ["report"]):
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, result.output
    first = pd.read_csv("reports/tables/scores.csv")
    assert sorted(zip(first["strategy"], first["seed"], strict=True)) == [("devlin", 1), ("devlin", 2)]
    assert len(list(Path("studies/crossed").glob("*/*/*/seed-*"))) == 8

    change_params(in_project, strategies__devlin__recipe={"epochs": 1})
    for words in (["plan"], ["train", "--all", "--shard", "1/1"], ["report", "--format", "md"], ["report"]):
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, result.output
    assert set(pd.read_csv("reports/tables/scores.csv")["steps"]) == {3}


def test_a_task_without_a_block_that_the_pipeline_would_not_prepare_is_named_first(in_project: Path) -> None:
    change_params(in_project, grid__tasks=["acceptability", "entailment", "paraphrase"])
    assert CliRunner().invoke(main, ["validate"]).exit_code == 0  # without a pipeline, `prepare` makes them
    (in_project / "dvc.yaml").write_text(scaffold.files_of("demo")["dvc.yaml"])
    result = CliRunner().invoke(main, ["validate"])
    assert result.exit_code == 2
    assert "grid.tasks names 2 without one: add under `tasks`" in result.output
    assert "\n  entailment: {dataset: entailment}\n  paraphrase: {dataset: paraphrase}\n" in result.output


@pytest.mark.parametrize("preset", ["pretraining", "minilm"])
def test_no_stage_asks_for_what_params_yaml_may_leave_out(preset: str) -> None:
    pipeline = YAML(typ="safe", pure=True).load(scaffold.files_of(preset)["dvc.yaml"])
    bodies = {name: stage.get("do", stage) for name, stage in pipeline["stages"].items()}
    assert {name: body["params"] for name, body in bodies.items() if "params" in body} == {
        "validate": [{"params.yaml": None}]
    }
