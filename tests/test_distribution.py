"""What is handed out: a source archive that builds by itself, and a pure wheel from which `compare` runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCORES = "strategy,task,seed,score,failed\n" + "".join(
    f"{strategy},rte,{seed},{0.6 + seed * step},false\n"
    for strategy, step in (("steady", 0.001), ("wide", 0.02))
    for seed in range(12)
)


def hatch(folder: Path, *words: str) -> None:
    """Build in a copy of the sources, by the backend that is installed."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", *words], cwd=folder, check=True, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source archive, and the wheel that was built from nothing but that."""
    folder = tmp_path_factory.mktemp("built")
    hatch(ROOT, "--target", "sdist", "--directory", str(folder))
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        files.extractall(folder / "source", filter="data")
    (source,) = (folder / "source").iterdir()
    hatch(source, "--target", "wheel", "--directory", str(folder))
    return folder


def names_in(built: Path) -> tuple[set[str], set[str]]:
    """The files of the archive (below its folder) and of the wheel."""
    (archive,), (wheel,) = built.glob("*.tar.gz"), built.glob("*.whl")
    with tarfile.open(archive) as files:
        packed = {name.partition("/")[2] for name in files.getnames()}
    with zipfile.ZipFile(wheel) as whole:
        return packed, set(whole.namelist())


def tracked(*places: str) -> set[str]:
    """The files of the package that Git knows, where there is a Git."""
    found = subprocess.run(["git", "ls-files", *places], cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip("no work tree of Git's to compare with")
    return set(found.stdout.split("\n")) - {""}


def test_the_wheel_is_for_every_machine_and_holds_all_files_of_the_package(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    _, inside = names_in(built)
    assert tracked("stabbench") - inside == set()
    assert {name.partition("/")[0] for name in inside if ".dist-info" not in name} == {"stabbench"}
    assert not [name for name in inside if name.endswith((".so", ".pyc"))], "it compiles for the CPU that it runs on"


def test_the_archive_holds_what_its_own_checks_need(built: Path) -> None:
    packed, _ = names_in(built)
    assert tracked("stabbench", "tests", "docs", "benchmarks", "action") - packed == set()
    needed = {
        "pyproject.toml",
        "hatch_build.py",
        "Makefile",
        "requirements.lock",
        "torch.lock",
        "params.yaml",
        "dvc.yaml",
    }
    assert needed | {"README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "Dockerfile"} <= packed
    assert not [name for name in packed if name.startswith(("reports/", ".venv", "data/", ".stabbench/runs"))]


def test_compare_runs_from_the_wheel_alone(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as whole:
        whole.extractall(tmp_path / "site")
    (tmp_path / "scores.csv").write_text(SCORES)
    found = subprocess.run(
        [sys.executable, "-m", "stabbench", "compare", "scores.csv"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site"), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert "steady has the smallest standard deviation" in found.stdout
    assert (tmp_path / "comparison/index.html").is_file()


def test_the_image_is_built_of_files_that_are_there() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    stages = re.findall(r"^FROM (\S+) AS (\w+)$", text, flags=re.MULTILINE)
    assert [name for _, name in stages] == ["build", "run"]
    copied = [line.split()[1:-1] for line in text.splitlines() if re.match(r"COPY (?!--from)", line)]
    assert all((ROOT / name).exists() for names in copied for name in names)
    assert 'ENTRYPOINT ["stabbench"]' in text
    assert re.search(r"^USER (?!root)", text, flags=re.MULTILINE), "not as root"
