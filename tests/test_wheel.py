"""The wheel as somebody gets it: installed without extras, it compares scores."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
SCORES = "strategy,task,seed,score\n" + "".join(
    f"{strategy},rte,{seed},{0.6 + spread * (seed % 5):.3f}\n"
    for strategy, spread in (("devlin", 0.03), ("mosbach", 0.001))
    for seed in range(1, 13)
)


def run(*command: object, folder: Path) -> str:
    done = subprocess.run([*map(str, command)], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def needed_by(requirements: list[str], found: dict[str, Path]) -> dict[str, Path]:
    """What the distributions that are required without extras, and those that they require, have in site-packages."""
    for requirement in requirements:
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        if "extra ==" in requirement or "sys_platform ==" in requirement or name in found:
            continue
        there = distribution(name)
        for file in there.files or ():
            if file.parts[0] != "..":
                found[file.parts[0]] = Path(str(there.locate_file(file.parts[0])))
        found[name] = Path()
        needed_by(there.requires or [], found)
    return found


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
    for name, place in needed_by(required, {}).items():
        if place.name and not (packages / name).exists():
            (packages / name).symlink_to(place)
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
