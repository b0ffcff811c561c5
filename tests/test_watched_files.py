"""A dvc.yaml that does not watch a file of which the plan is made is named when planning, with the line to add."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from stabbench import scaffold
from stabbench.cli import main
from tests.test_pipeline import change_params
from tests.tiny import PROJECT

STRATEGY = """
from stabbench import Strategy


class Longer(Strategy):
    recipe = {"epochs": 4.0}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a strategy in a file, and a model in a folder, each used by the grid or a study alone."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(f"seeds: 1-2{PROJECT}strategies: {{devlin: {{plugin: devlin}}}}\n")
    for command in ("prepare", "pretrain"):
        assert CliRunner().invoke(main, [command]).exit_code == 0
    shutil.copytree("models/embedded", "own/encoder")
    (tmp_path / "mine.py").write_text(STRATEGY)
    change_params(
        tmp_path,
        grid__strategies=["devlin", "mine"],
        strategies__mine={"plugin": "./mine.py:Longer"},
        models__own={"source": "./own/encoder"},
        studies={"crossed": {"model": "own", "task": "acceptability", "levels": 2}},
    )
    return tmp_path


def planned() -> str:
    result = CliRunner().invoke(main, ["plan"])
    assert result.exit_code == 0, result.output
    return result.stderr


def test_every_file_that_the_stage_lacks_is_named_in_one_warning(project: Path) -> None:
    pipeline = scaffold.files_of("pretraining")["dvc.yaml"]
    (project / "dvc.yaml").write_text(pipeline)
    said = planned()
    assert said.count("warning") == 1
    assert "dvc.yaml: stage plan does not depend on all that it reads" in said
    assert said.endswith("add under its deps\n      - mine.py\n      - own/encoder\n")


@pytest.mark.parametrize(
    "lines",
    [
        ["mine.py", "own/encoder"],
        ["./mine.py", "./own"],
        ["mine.py", "own/encoder/model.safetensors"],
        ["mine.py", "${models.own.source}"],
    ],
    ids=["as written", "a folder above", "the part that matters", "by its place in params.yaml"],
)
def test_a_stage_that_watches_them_in_any_way_is_left_in_peace(project: Path, lines: list[str]) -> None:
    deps = "".join(f"      - {line}\n" for line in lines)
    pipeline = scaffold.files_of("pretraining")["dvc.yaml"].replace("      - validated/plan.json\n", deps)
    (project / "dvc.yaml").write_text(pipeline)
    assert planned() == ""


@pytest.mark.parametrize(
    "pipeline",
    [None, "stages:\n  other: {cmd: make}\n", "stages: [", "[]", "stages:\n"],
    ids=["none", "another's", "not YAML", "a list", "empty"],
)
def test_nothing_is_expected_of_another_pipeline(project: Path, pipeline: str | None) -> None:
    if pipeline is not None:
        (project / "dvc.yaml").write_text(pipeline)
    assert planned() == ""


def test_a_group_of_stages_is_asked_for_each_of_its_members(project: Path) -> None:
    change_params(project, tasks__acceptability={"dataset": "acceptability", "train_size": 48, "dev_size": 32})
    group = "stages:\n  plans: {foreach: '${models}', do: {cmd: stabbench plan, deps: [mine.py, '${item.source}']}}\n"
    (project / "dvc.yaml").write_text(group)
    assert planned().endswith("add under its deps\n      - models/embedded\n")
    (project / "dvc.yaml").write_text(group.replace("mine.py", "mine.py, 'models/${key}'"))
    assert planned() == ""


def test_a_long_list_is_cut(project: Path) -> None:
    names = [f"mine{number}" for number in range(14)]
    for name in names:
        (project / f"{name}.py").write_text(STRATEGY)
        change_params(project, **{f"strategies__{name}": {"plugin": f"./{name}.py:Longer"}})
    change_params(project, grid__strategies=names, studies={})
    (project / "dvc.yaml").write_text(scaffold.files_of("pretraining")["dvc.yaml"])
    said = planned()
    assert said.endswith("      - mine9.py\n  and 4 more\n")


OWN = {"files": {"train": "train.csv", "dev": "dev.csv"}, "text": "body", "label": "kind"}


def test_a_task_of_own_files_is_prepared_again_where_its_data_changed(project: Path) -> None:
    change_params(project, tasks__mine=OWN)
    for name in ("train.csv", "dev.csv"):
        (project / name).write_text("body,kind\na,x\nb,y\n")
    assert CliRunner().invoke(main, ["validate"]).exit_code == 0
    before = (project / "validated/tasks/mine.json").read_text()
    (project / "dev.csv").write_text("body,kind\na,y\nb,x\n")
    assert CliRunner().invoke(main, ["validate"]).exit_code == 0
    assert (project / "validated/tasks/mine.json").read_text() != before


def test_own_files_need_no_line_where_the_first_stage_always_runs(project: Path) -> None:
    change_params(project, tasks__mine=OWN)
    for name in ("train.csv", "dev.csv"):
        (project / name).write_text("body,kind\na,x\nb,y\n")
    pipeline = scaffold.files_of("pretraining")["dvc.yaml"]
    assert "always_changed: true" in pipeline
    (project / "dvc.yaml").write_text(pipeline)
    assert CliRunner().invoke(main, ["validate"]).stderr == ""


def test_own_files_that_a_first_stage_which_runs_seldom_does_not_watch_are_named(project: Path) -> None:
    change_params(project, tasks__mine=OWN)
    for name in ("train.csv", "dev.csv"):
        (project / name).write_text("body,kind\na,x\nb,y\n")
    pipeline = re.sub(r"    always_changed: true.*\n", "", scaffold.files_of("pretraining")["dvc.yaml"], count=1)
    (project / "dvc.yaml").write_text(pipeline)
    said = CliRunner().invoke(main, ["validate"]).stderr
    assert "stage validate does not depend on all that it reads" in said
    assert said.endswith("add under its deps\n      - train.csv\n      - dev.csv\n")
    watched = pipeline.replace(
        "    cmd: stabbench validate\n", "    cmd: stabbench validate\n    deps: [train.csv, dev.csv]\n"
    )
    (project / "dvc.yaml").write_text(watched)
    assert CliRunner().invoke(main, ["validate"]).stderr == ""


def test_own_files_that_are_not_there_are_all_named_before_any_work(project: Path) -> None:
    change_params(project, tasks__mine=OWN)
    result = CliRunner().invoke(main, ["validate"])
    assert result.exit_code == 2
    assert "tasks.mine.files.train: there is no file train.csv" in result.output
    assert "tasks.mine.files.dev: there is no file dev.csv" in result.output
