"""A strategy of another package: built, installed by pip, found, checked, trained and in the table."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

import stabbench
from tests import warm

PACKAGE = Path(__file__).parents[1] / "plugin_package"
REPOSITORY = Path(stabbench.__file__).parents[1]
END = "\f"
ONE_AFTER_THE_OTHER = f"""
import sys
from stabbench.cli import main
for command in sys.argv[1:]:
    main(command.split(), standalone_mode=False)
    print(end={END!r})
"""


@dataclass(frozen=True)
class Installation:
    """A folder that pip installed the package into, and the sources that it came from."""

    target: Path
    source: Path

    def run(self, *arguments: str) -> str:
        """The output of `python …` with the package on the path."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(self.target), str(REPOSITORY)])}
        process = subprocess.run(
            [warm.python(), *arguments], env=environment, capture_output=True, text=True, check=False
        )
        assert process.returncode == 0, process.stdout + process.stderr
        return process.stdout

    def commands(self, *commands: str) -> list[str]:
        """The output of each `stabbench …`, one after the other in one process."""
        return self.run("-c", ONE_AFTER_THE_OTHER, *commands).split(END)[:-1]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("plugin")
    installed = Installation(folder / "site", folder / "source")
    shutil.copytree(PACKAGE, installed.source, ignore=shutil.ignore_patterns("__pycache__"))
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    installed.run("-m", "pip", "install", *options, "--target", str(installed.target), str(installed.source))
    return installed


@pytest.mark.slow
def test_an_installed_package_appears_in_the_table_of_a_run(project: Path, installation: Installation) -> None:
    params = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(
        params.replace("strategies: [devlin]", "strategies: [devlin, biases-only]").replace("seeds: 1-4", "seeds: 1-2")
    )
    installation.commands("plan", "train --workers 1", "report")
    table = pd.read_csv(project / "reports/tables/stability.csv")
    assert table.set_index("strategy")["n"].to_dict() == {"devlin": 2, "biases-only": 2}

    spec = json.loads((project / "plan/embedded/acceptability/biases-only.json").read_text())["spec"]
    assert spec["plugins"] == [
        {"plugin": "biases-only", "version": "1 of stabbench-bitfit 0.3.0", "options": {"layer_norms": False}}
    ]
    record = json.loads((project / "runs/embedded/acceptability/biases-only/seed-0001/record.json").read_text())
    (frozen,) = [group for group in record["parameter_groups"] if group["learning_rate"] == 0]
    assert "bert.encoder.layer.0.output.dense.weight" in frozen["tensors"]


def test_it_is_listed_and_explained(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    listed, shown = installation.commands("strategies --json", "strategies show biases-only")
    assert {"biases-only", "mixout"} <= {row["name"] for row in json.loads(listed)}
    assert "strategy 'biases-only' (stabbench_bitfit:BitFit of stabbench-bitfit 0.3.0)" in shown
    assert "layer_norms: false" in shown


def test_its_own_tests_run_the_conformance_suite(installation: Installation) -> None:
    output = installation.run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(installation.source / "tests"))
    assert "20 passed" in output
