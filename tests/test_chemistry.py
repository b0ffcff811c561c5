"""The preset chemistry: from a wheel and a file of yields to a plan; invented ones, and the real where they lie."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from stabbench import scaffold
from stabbench.cli import main
from stabbench.models.reading import reading
from stabbench.models.sources import content_hash
from stabbench.plan import Cell, plan_path
from stabbench.probes.forgetting.language_model import LanguageModel
from stabbench.tasks.prepared import PreparedTask
from tests.models.old_checkpoints import as_wheel, old_package
from tests.test_pipeline import change_params

ROWS = 5760
SUZUKI = os.environ.get("STABBENCH_SUZUKI_FILE", "")
CONVERT = ("--inside", "bert_pretrained", "--split", "smiles", "--out", "models/rxnfp")


def invented(path: Path, rows: int = ROWS) -> Path:
    """A file in the layout of the yields: reactions that never took place, with yields from 0 to 1."""
    parts = ("C", "O", "N", "Cl", "Br", "c1ccc1", "C(=O)O", "[Na+].[O-]")
    lines = [
        f"{row}\t{parts[row % 8]}{parts[row // 8 % 8]}.{'C' * (row // 64)}>>O\t{row * 17 % 1000 / 1000}"
        for row in range(rows)
    ]
    path.write_text("\n".join(["\trxn\ty", *lines]) + "\n", encoding="utf-8")
    return path


def reactions(folder: Path, file: Path | None) -> subprocess.CompletedProcess[str]:
    """The script of the preset in a project's folder, as the pipeline runs it."""
    environment = {name: value for name, value in os.environ.items() if name != "STABBENCH_SUZUKI_FILE"}
    environment |= {} if file is None else {"STABBENCH_SUZUKI_FILE": str(file)}
    command = [sys.executable, "reactions.py"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def stabbench(*words: str) -> Result:
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the preset's files."""
    folder = tmp_path / "project"
    folder.mkdir()
    scaffold.write("chemistry", folder)
    monkeypatch.chdir(folder)
    return folder


def planned(project: Path, task: str = "high-500", strategy: str = "devlin", model: str = "rxnfp") -> Cell:
    return Cell.read(plan_path(project / "plan", model, task, strategy))


def test_the_reactions_are_divided_in_the_order_of_the_file(project: Path, tmp_path: Path) -> None:
    done = reactions(project, invented(tmp_path / "yields.tsv"))
    assert done.returncode == 0, done.stderr
    source = pd.read_csv(tmp_path / "yields.tsv", sep="\t", dtype=str)
    tables = {name: pd.read_csv(project / f"reactions/{name}.csv", dtype=str) for name in ("train", "dev")}
    for table, first, last in ((tables["train"], 0, 4032), (tables["dev"], 4032, 4896)):
        part = source.iloc[first:last].reset_index(drop=True)
        assert table[["rxn", "y"]].equals(part[["rxn", "y"]])
        assert (table["high"] == (part["y"].astype(float) >= 0.5).map({True: "1", False: "0"})).all()
    assert set(tables["train"].loc[tables["train"]["y"] == "0.5", "high"]) == {"1"}
    heldout = (project / "reactions/heldout.txt").read_text(encoding="utf-8").splitlines()
    assert heldout == source["rxn"].iloc[4896:].tolist()


def test_what_is_not_the_file_of_yields_is_told_in_a_sentence(project: Path, tmp_path: Path) -> None:
    short = invented(tmp_path / "short.tsv", 99)
    (tmp_path / "other.tsv").write_text("a\tb\n" + "1\t2\n" * ROWS, encoding="utf-8")
    for file, message in (
        (None, "set STABBENCH_SUZUKI_FILE to random_split_0.tsv"),
        (tmp_path / "none.tsv", "none.tsv, which is no file"),
        (short, "found 99 lines of rxn, y, expected 5,760 lines with the columns rxn and y"),
        (tmp_path / "other.tsv", "found 5,760 lines of a, b, expected"),
    ):
        done = reactions(project, file)
        assert done.returncode == 1
        assert message in done.stderr
        assert "Traceback" not in done.stderr
    assert not (project / "reactions").exists()


def test_the_pipelines_commands_lead_from_a_wheel_and_a_file_to_a_plan_of_every_cell(
    project: Path, tmp_path: Path
) -> None:
    pytest.importorskip("accelerate")
    wheel = as_wheel(old_package(tmp_path))
    assert reactions(project, invented(tmp_path / "yields.tsv")).returncode == 0
    stabbench("convert", str(wheel), *CONVERT)
    stabbench("convert", "models/rxnfp", "--set", "hidden_dropout_prob=0.7987", "--out", "models/rxnfp-authors")
    assert "no mistakes; 2 cells, 2 studies, 2 probes" in stabbench("validate").output
    change_params(
        project,
        grid={
            "models": ["rxnfp-authors"],
            "tasks": ["high-500", "high", "yields-500", "yields"],
            "strategies": ["devlin", "devlin-bc", "mixout", "mosbach", "authors"],
        },
    )
    stabbench("prepare")
    stabbench("plan")
    counts = {
        name: planned(project, name, "devlin", "rxnfp-authors").task_facts.counts for name in ("high-500", "yields")
    }
    assert counts == {"high-500": {"train": 500, "dev": 400}, "yields": {"train": 4032, "dev": 864}}
    assert planned(project, "high", "mosbach", "rxnfp-authors").task_facts.metrics == ("mcc", "accuracy")
    authors = planned(project, "yields", "authors", "rxnfp-authors")
    recipe = authors.recipe()
    assert (recipe.learning_rate, recipe.epochs, recipe.batch_size, recipe.dropout) == (9.659e-5, 15.0, 16, "model")
    assert (recipe.warmup_ratio, recipe.weight_decay, recipe.adam_epsilon) == (0.0, 0.0, 1e-8)
    assert recipe.updates(4032) == 3780  # as many as the authors' last checkpoint has
    assert authors.spec["trainer"]["plugin"] == "huggingface"


def test_the_converted_model_has_the_head_that_the_probe_forgetting_needs(project: Path, tmp_path: Path) -> None:
    import torch

    from stabbench.models.families import architecture_of
    from stabbench.models.folder import ModelFolder

    folder = project / "models/rxnfp"
    stabbench("convert", str(as_wheel(old_package(tmp_path))), *CONVERT)
    architecture = architecture_of(ModelFolder.at(folder).config, 2, str(folder))
    assert LanguageModel(folder, architecture, torch.float32).layers == 2


REAL = {
    "model": "cc1040c2b3a612e4b383cf9a23f560c1768ac72c96910371596420a0d7520609",
    "high-500": "166e533bd1ddc912039b91713835d65fee3ce163ec82ab0803e5b94a274e3bd9",
    "yields-500": "bb068fb50626dcecd5a30551e5a8e6ffc6ce4891adccb641234616987c2c0d28",
    "devlin": "2715e785700a23a5add44f5e095f04c74ab40ec221989a83d59b397bf3aa9084",
}
"""The hashes by which the real model, tasks and the first run of devlin are known."""


@pytest.mark.skipif(find_spec("rxnfp") is None, reason="the package rxnfp is not installed (pip install --no-deps)")
@pytest.mark.skipif(not SUZUKI, reason="STABBENCH_SUZUKI_FILE names no file of yields")
def test_the_real_reactions_are_read_whole_and_their_runs_are_known_by_these_fingerprints(project: Path) -> None:
    assert reactions(project, Path(SUZUKI)).returncode == 0
    stabbench("convert", "package:rxnfp", *CONVERT)
    change_params(project, grid={"models": ["rxnfp"], "tasks": ["high-500", "yields-500"], "strategies": ["devlin"]})
    stabbench("prepare", "high-500", "yields-500")
    stabbench("plan")
    tasks = {name: PreparedTask.read(project / "data" / name) for name in ("high-500", "yields-500")}
    found = {
        "model": content_hash(project / "models/rxnfp"),
        **{name: task.content_hash for name, task in tasks.items()},
        "devlin": planned(project).fingerprint(1),
    }
    facts = reading(project / "models/rxnfp", found["model"], tasks["high-500"]).facts(240)
    assert (facts["unknown_share"], facts["cut_share"]) == (0, 0)
    assert found == REAL
