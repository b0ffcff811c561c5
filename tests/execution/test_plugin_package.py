"""A strategy of another package: built, installed by pip, found, checked, trained and in the table."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

import stabbench

PACKAGE = Path(__file__).parents[1] / "plugin_package"
REPOSITORY = Path(stabbench.__file__).parents[1]


@dataclass(frozen=True)
class Installation:
    """A folder that pip installed the package into, and the sources that it came from."""

    target: Path
    source: Path

    def run(self, *command: str) -> str:
        """The output of `python -m …` with the package on the path."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(self.target), str(REPOSITORY)])}
        process = subprocess.run(
            [sys.executable, "-m", *command], env=environment, capture_output=True, text=True, check=False
        )
        assert process.returncode == 0, process.stdout + process.stderr
        return process.stdout


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("plugin")
    installed = Installation(folder / "site", folder / "source")
    shutil.copytree(PACKAGE, installed.source, ignore=shutil.ignore_patterns("__pycache__"))
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    installed.run("pip", "install", *options, "--target", str(installed.target), str(installed.source))
    return installed


@pytest.mark.slow
def test_an_installed_package_appears_in_the_table_of_a_run(project: Path, installation: Installation) -> None:
    params = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(
        params.replace("strategies: [devlin]", "strategies: [devlin, bitfit]").replace("seeds: 1-4", "seeds: 1-2")
    )
    for command in (["plan"], ["train", "--workers", "1"], ["report"]):
        installation.run("stabbench", *command)
    table = pd.read_csv(project / "reports/tables/stability.csv")
    assert table.set_index("strategy")["n"].to_dict() == {"devlin": 2, "bitfit": 2}

    spec = json.loads((project / "plan/embedded/acceptability/bitfit.json").read_text())["spec"]
    assert spec["plugins"] == [
        {"plugin": "bitfit", "version": "1 of stabbench-bitfit 0.3.0", "options": {"layer_norms": False}}
    ]
    record = json.loads((project / "runs/embedded/acceptability/bitfit/seed-0001/record.json").read_text())
    (frozen,) = [group for group in record["parameter_groups"] if group["learning_rate"] == 0]
    assert "bert.encoder.layer.0.output.dense.weight" in frozen["tensors"]


def test_it_is_listed_and_explained(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    listed = json.loads(installation.run("stabbench", "strategies", "--json"))
    assert {"bitfit", "mixout"} <= {row["name"] for row in listed}
    shown = installation.run("stabbench", "strategies", "show", "bitfit")
    assert "strategy 'bitfit' (stabbench_bitfit:BitFit of stabbench-bitfit 0.3.0)" in shown
    assert "layer_norms: false" in shown


def test_its_own_tests_run_the_conformance_suite(installation: Installation) -> None:
    output = installation.run("pytest", "-q", "-p", "no:cacheprovider", str(installation.source / "tests"))
    assert "20 passed" in output
