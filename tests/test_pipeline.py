"""The pipeline under DVC, small but real: what a change runs again, and what it does not."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ruamel.yaml import YAML

from stabbench import scaffold
from stabbench.files import sha256_of_file
from tests import warm
from tests.faults.processes import ALONE

SIZES = {"layers": 1, "hidden_size": 16, "heads": 2, "intermediate_size": 32, "steps": 10, "warmup_steps": 2}
CELLS = ["train@embedded-acceptability-devlin", "train@embedded-acceptability-mixout"]


class Project:
    """A Git and DVC repository: one that is there, or a new one with a small preset that pretrains its model."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, **ALONE, "PATH": warm.path(), "STABBENCH_WORKERS": "1"}
        for name in ("STABBENCH_STORE", "MLFLOW_TRACKING_URI", "DVC_STAGE", "DVC_ROOT"):
            self.environment.pop(name, None)
        if (folder / ".git").exists():
            return
        folder.mkdir(exist_ok=True)
        self.run("git", "init", "--quiet")
        self.run("dvc", "init", "--quiet")
        scaffold.write("pretraining", folder)
        task = {"dataset": "acceptability", "train_size": 32, "dev_size": 32, "sample_seed": 0}
        self.change(tasks={"acceptability": task}, studies={}, probes={})

    def clone(self, name: str) -> Project:
        """A clone beside it, as Git makes it."""
        self.run("git", "clone", "--quiet", ".", f"../{name}")
        return Project(self.folder.parent / name)

    def run(self, *command: str) -> str:
        process = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert process.returncode == 0, process.stdout + process.stderr
        return process.stdout

    def change(self, **values: Any) -> None:
        """Set values of params.yaml by their path, `__` between keys."""
        change_params(self.folder, **values)

    def repro(self) -> tuple[list[str], list[int]]:
        """Make the report; the stages that ran, and how many runs were trained, in all cells and by cells' stages."""
        output = self.run("dvc", "repro", "report")
        trained = [int(number) for number in re.findall(r"(\d+) (?:runs )?trained", output)]
        return re.findall(r"^Running stage '(.+)':", output, flags=re.MULTILINE), trained

    def seeds(self) -> dict[str, list[int]]:
        """The seeds in the report, by strategy."""
        scores = pd.read_csv(self.folder / "reports/plots/scores.csv")
        return {str(name): sorted(rows["seed"]) for name, rows in scores.groupby("strategy")}


def change_params(folder: Path, **values: Any) -> None:
    """Set values of a project's params.yaml by their path, `__` between keys."""
    yaml = YAML()
    data = yaml.load((folder / "params.yaml").read_text(encoding="utf-8"))
    for path, value in values.items():
        *above, last = path.split("__")
        block = data
        for key in above:
            block = block[key]
        block[last] = value
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(data, file)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_change_runs_again_exactly_what_it_touches(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.change(
        seeds="1-2",
        grid__tasks=["acceptability"],
        grid__strategies=["devlin", "mixout"],
        models__embedded__pretraining={**SIZES, "sentences": 50, "pairs": 10, "batch_size": 8},
    )

    stages, trained = project.repro()
    assert sorted(stages) == sorted(["validate", "prepare@acceptability", "pretrain", "plan", "fill", *CELLS, "report"])
    assert trained == [4, 0, 0]
    assert project.seeds() == {"devlin": [1, 2], "mixout": [1, 2]}
    first_table = sha256_of_file(tmp_path / "reports/tables/stability.csv")
    lock = (tmp_path / "dvc.lock").read_text()

    assert project.repro() == (["validate"], [])  # which looks at own files each time, and changes nothing
    assert (tmp_path / "dvc.lock").read_text() == lock

    project.change(strategies__devlin__recipe={"learning_rate": 1e-3})
    assert project.repro() == (["validate", "plan", "fill", CELLS[0], "report"], [2, 0])

    project.change(strategies__devlin__recipe={"learning_rate": None})
    _, trained = project.repro()
    assert sum(trained) == 0
    assert sha256_of_file(tmp_path / "reports/tables/stability.csv") == first_table
    assert (tmp_path / "dvc.lock").read_text() == lock

    project.change(seeds="2-3")  # one is new, one is there, one is no longer wanted
    assert project.repro() == (["validate", "plan", "fill", *CELLS, "report"], [2, 0, 0])
    assert project.seeds() == {"devlin": [2, 3], "mixout": [2, 3]}
