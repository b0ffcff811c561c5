"""The wheel as somebody gets it: installed without extras, it compares scores."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
SCORES = "strategy,task,seed,score\n" + "".join(
    f"{strategy},rte,{seed},{0.6 + spread * (seed % 5):.3f}\n"
    for strategy, spread in (("devlin", 0.03), ("mosbach", 0.001))
    for seed in range(1, 13)
)


def run(*command: object, folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [*map(str, command)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def needed_by(requirements: Iterable[str], known: dict[str, Distribution]) -> dict[str, Distribution]:
    """The distributions that are required without extras, and those that they require, at the pinned versions."""
    for requirement in map(Requirement, requirements):
        here = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if here and requirement.name not in known:
            known[requirement.name] = distribution(requirement.name)
            needed_by(known[requirement.name].requires or (), known)
    return known


def link(there: Distribution, packages: Path) -> None:
    """Make what a distribution has in site-packages be in another folder, too."""
    for name in {file.parts[0] for file in there.files or ()} - {"..", "__pycache__"}:
        if not (packages / name).exists():
            (packages / name).symlink_to(Path(str(there.locate_file(name))))


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an environment that has the wheel, what it requires at the pinned versions, and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    run(*PIP, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, ROOT, folder=folder)
    (wheel,) = folder.glob("stabbench-*-py3-none-any.whl")
    venv.create(folder / "environment", symlinks=True)
    (packages,) = folder.glob("environment/lib/python*/site-packages")
    run(*PIP, "--python", folder / "environment", "install", "--no-deps", "--no-index", wheel, folder=folder)
    (facts,) = packages.glob("stabbench-*.dist-info/METADATA")
    required = re.findall(r"^Requires-Dist: (.*)$", facts.read_text(encoding="utf-8"), re.MULTILINE)
    for needed in needed_by(required, {}).values():
        link(needed, packages)
    return folder / "environment/bin"


def test_compare_runs_from_the_wheel_alone(scripts: Path, tmp_path: Path) -> None:
    (tmp_path / "scores.csv").write_text(SCORES)
    said = run(scripts / "stabbench", "compare", "scores.csv", "--out", "out", folder=tmp_path)
    assert "mosbach has the smallest standard deviation on rte" in said
    assert (tmp_path / "out/index.html").is_file()
    where = run(scripts / "python", "-c", "import stabbench; print(stabbench.__file__)", folder=tmp_path)
    assert Path(where.strip()).is_relative_to(scripts.parent)


@pytest.mark.parametrize("name", ["torch", "transformers", "mlflow", "dvc", "datasets"])
def test_what_belongs_to_an_extra_is_not_there(scripts: Path, name: str, tmp_path: Path) -> None:
    code = f"import importlib.util as util; print(util.find_spec({name!r}))"
    assert run(scripts / "python", "-c", code, folder=tmp_path) == "None\n"
