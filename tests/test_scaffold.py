"""The presets as DVC reads them: stages, what each depends on, and what a changed parameter touches."""

from __future__ import annotations

import json
import subprocess
from contextlib import redirect_stdout
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from stabbench import scaffold
from stabbench.errors import UserError

ROOT = Path(__file__).parent.parent


def yaml(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def dvc(folder: Path, *words: str) -> str:
    """What `dvc …` says in the project folder; in this process, as there are many of them."""
    from dvc.cli import main

    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as output:
        patch.chdir(folder)
        patch.setenv("DVC_NO_ANALYTICS", "1")
        assert main(list(words)) == 0, words
    return output.getvalue()


@pytest.fixture(scope="module", params=scaffold.PRESETS)
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Git and DVC repository with one preset."""
    folder = tmp_path_factory.mktemp(request.param)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    dvc(folder, "init", "--quiet")
    scaffold.write(request.param, folder)
    return folder


def test_dvc_accepts_every_preset_and_has_a_stage_a_cell(project: Path) -> None:
    params = yaml((project / "params.yaml").read_text(encoding="utf-8"))
    grid = params["grid"]
    stages = dvc(project, "stage", "list", "--all", "--name-only").split()
    cells = [f"train@{m}-{t}-{s}" for m in grid["models"] for t in grid["tasks"] for s in grid["strategies"]]
    prepared = [f"prepare@{task}" for task in params["tasks"]]
    studies = [f"study@{name}" for name in params["studies"]]
    probes = [f"probe@{name}" for name in params["probes"]]
    pretrained = ["pretrain"] if params["models"][grid["models"][0]]["source"] == "embedded" else []
    brought = ["model", "reactions"] if params["preset"] == "chemistry" else []
    assert sorted(stages) == sorted(
        [*brought, "validate", *prepared, *pretrained, "plan", "fill", *cells, *studies, *probes, "report", "track"]
    )


def test_each_stage_follows_from_the_one_before(project: Path) -> None:
    edges = dvc(project, "dag", "--dot")
    grid = yaml((project / "params.yaml").read_text(encoding="utf-8"))["grid"]
    cell = f"train@{grid['models'][0]}-{grid['tasks'][0]}-{grid['strategies'][0]}"
    chain = ["validate", f"prepare@{grid['tasks'][0]}", "plan", "fill", cell, "report", "track"]
    for before, after in pairwise(chain):
        assert f'"{before}" -> "{after}"' in edges


def test_a_changed_recipe_touches_the_plan_and_no_preparation(project: Path) -> None:
    stages = yaml((project / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    readers = {
        name: [dep for dep in stage.get("do", stage)["deps"] if dep.startswith("validated/")]
        for name, stage in stages.items()
        if name not in ("validate", "model", "reactions")
    }
    assert readers.pop("pretrain", []) in ([], ["validated/pretraining/embedded.json"])
    assert readers == {
        "prepare": ["validated/tasks/${key}.json"],
        "plan": ["validated/plan.json"],
        "fill": [],
        "train": [],
        "study": [],
        "probe": ["validated/grid.json", "validated/probes/${key}.json"],
        "report": ["validated/report.json"],
        "track": ["validated/track.json"],
    }
    assert stages["train"]["deps"] == [
        f"{folder}/${{item.model}}/${{item.task}}/${{item.strategy}}.json" for folder in ("plan", "seeds")
    ]


def test_records_that_are_there_outlive_a_new_start_of_their_stage(project: Path) -> None:
    train = yaml((project / "dvc.yaml").read_text(encoding="utf-8"))["stages"]["train"]
    assert train["outs"] == [{"runs/${item.model}/${item.task}/${item.strategy}": {"persist": True}}]


def test_the_clock_in_a_record_is_not_part_of_what_dvc_hashes(project: Path) -> None:
    paths = ["runs/m/t/s/seed-0001/provenance.json", "runs/m/t/s/seed-0001/record.json", ".stabbench/runs/ab"]
    ignored = dvc(project, "check-ignore", *paths).split()
    assert ignored == [paths[0], paths[2]]


def test_a_file_with_another_content_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("mine: 1\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"params.yaml in .* would be overwritten: --force"):
        scaffold.write("demo", tmp_path)
    assert not (tmp_path / "dvc.yaml").exists()
    scaffold.write("demo", tmp_path, force=True)
    assert yaml((tmp_path / "params.yaml").read_text(encoding="utf-8"))["preset"] == "demo"


def test_ignore_files_of_the_user_are_added_to_once(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("notes", encoding="utf-8")
    scaffold.write("minilm", tmp_path)
    first = (tmp_path / ".gitignore").read_text(encoding="utf-8")
    assert first.startswith("notes\n/.stabbench/\n")
    written = scaffold.write("minilm", tmp_path)
    assert [path.name for path in written] == ["dvc.yaml", "params.yaml"]
    assert (tmp_path / ".gitignore").read_text(encoding="utf-8") == first


def test_the_repository_is_the_demo_preset() -> None:
    for name, content in scaffold.files_of("demo").items():
        assert (ROOT / name).read_text(encoding="utf-8") == content
    for name, lines in scaffold.IGNORED.items():
        ignored = (ROOT / name).read_text(encoding="utf-8").splitlines()
        assert set(lines) <= set(ignored)


def test_the_pipelines_differ_in_where_the_model_and_the_data_are_from_only() -> None:
    embedded, chemistry, pretrained = (
        yaml(scaffold.files_of(preset)["dvc.yaml"]) for preset in ("pretraining", "chemistry", "minilm")
    )
    assert embedded["stages"].pop("pretrain")["outs"] == ["models/embedded"]
    embedded["stages"]["plan"]["deps"].remove("models/embedded")
    assert embedded == pretrained
    brought = [*chemistry["stages"].pop("model")["outs"], *chemistry["stages"].pop("reactions")["outs"]]
    for stage, needed in (("plan", brought[:2]), ("validate", [brought[0], brought[2]])):
        deps = chemistry["stages"][stage]["deps"]
        assert set(needed) <= set(deps)
        chemistry["stages"][stage]["deps"] = [dep for dep in deps if dep not in brought]
    assert chemistry["stages"]["validate"].pop("deps") == []
    assert chemistry == pretrained


def test_a_parameter_that_dvc_writes_is_read_as_the_number_it_is(tmp_path: Path) -> None:
    from dvc.utils.hydra import apply_overrides

    from stabbench.config import load

    scaffold.write("demo", tmp_path)
    apply_overrides(tmp_path / "params.yaml", ["strategies.devlin.recipe.learning_rate=1e-05", "seeds=1-3"])
    config = load(tmp_path / "params.yaml")
    assert config.strategies["devlin"].recipe.changes() == {"learning_rate": 1e-5}
    assert config.seeds == (1, 2, 3)
    assert json.loads(json.dumps(config.strategies["mixout"].recipe.changes())) == {}
