"""What a fresh clone needs: exact pins, a light import, one pipeline."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace(" \\\n   ", "").splitlines()
"""A line a pin, with its hashes."""
TORCH = (ROOT / "torch.lock").read_text(encoding="utf-8").splitlines()[-1]


def name(line: str) -> str:
    return re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower()


PINS = {name(line): re.split(r"[ ;=]+", line)[1] for line in [*LOCK, TORCH]}


def requirements() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    groups = [project["project"]["dependencies"], extras["train"], extras["track"], extras["dvc"]]
    return [requirement for group in [*groups, project["dependency-groups"]["dev"]] for requirement in group]


def test_every_line_of_the_lock_is_one_exact_public_version_with_the_hashes_of_its_files() -> None:
    pin = r"[A-Za-z0-9][\w.-]*==[0-9][A-Za-z0-9.]*( ; [^\\]+?)?( --hash=sha256:[0-9a-f]{64})+"
    wrong = [line[:80] for line in LOCK if not re.fullmatch(pin, line)]
    assert wrong == []
    several = [line for line in LOCK if [name(other) for other in LOCK].count(name(line)) > 1]
    assert [line for line in several if "; python_full_version " not in line] == [], "one version for one Python"


def test_torch_alone_has_no_hash_as_its_build_is_the_indexs() -> None:
    assert re.fullmatch(r"torch==[0-9.]+", TORCH)
    assert not [line for line in LOCK if re.match(r"torch==|triton==|nvidia-|cuda-", line)]


def test_both_ways_of_installing_check_every_hash() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "LOCKED := --no-deps --require-hashes --requirement requirements.lock" in makefile
    assert makefile.count("$(LOCKED)") == 2
    assert [line for line in LOCK if line.startswith("uv==")], "uv itself is installed by its pin"


def test_uv_installs_the_libraries_that_the_indexs_build_of_torch_asks_for(tmp_path: Path) -> None:
    for project, requires in ((TORCH, ["libraries-for-gpus==13.0"]), ("libraries-for-gpus==13.0", [])):
        distribution, _, version = project.replace("-", "_").partition("==")
        lines = [f"Name: {distribution}", f"Version: {version}", *(f"Requires-Dist: {one}" for one in requires)]
        inside = f"{distribution}-{version}.dist-info"
        with zipfile.ZipFile(tmp_path / f"{distribution}-{version}-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{inside}/METADATA", "\n".join(["Metadata-Version: 2.1", *lines, ""]))
            wheel.writestr(f"{inside}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{inside}/RECORD", "")
    (options,) = re.findall(r"^OF_TORCH := (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    local = ["--dry-run", "--no-index", "--find-links", str(tmp_path), "--target", str(tmp_path / "site")]
    uv = Path(sys.executable).with_name("uv")
    process = subprocess.run(
        [uv, "pip", "install", *local, *options.split()], capture_output=True, text=True, check=True, cwd=ROOT,
        env={**os.environ, "UV_FIND_LINKS": "", "UV_CACHE_DIR": str(tmp_path / "cache")},
    )  # fmt: skip
    assert "+ libraries-for-gpus==13.0" in process.stderr


@pytest.mark.parametrize("requirement", requirements())
def test_the_lock_pins_what_the_package_and_its_checks_name(requirement: str) -> None:
    assert name(re.split(r"[<>=!\[; ]", requirement)[0]) in PINS


def test_torch_is_the_pinned_one() -> None:
    import torch

    assert PINS["torch"] == "2.13.0"
    assert torch.__version__.partition("+")[0] == PINS["torch"]


@pytest.mark.parametrize(
    "arguments", [["-c", "import stabbench"], ["-m", "stabbench", "--help"], ["-m", "stabbench", "--version"]]
)
def test_importing_and_asking_for_help_loads_nothing_heavy(arguments: list[str]) -> None:
    process = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, check=True, cwd=ROOT
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in process.stderr.splitlines()}
    assert "stabbench" in imported
    heavy = {"torch", "transformers", "pandas", "numpy", "scipy", "pydantic", "mlflow", "matplotlib", "dvc", "evaluate"}
    assert imported & heavy == set()


def test_the_public_contract_is_imported_when_it_is_asked_for() -> None:
    import stabbench
    from stabbench.strategies.contract import Strategy

    assert stabbench.Strategy is Strategy
    with pytest.raises(AttributeError, match="no attribute 'Strategie'"):
        _ = stabbench.Strategie


def test_the_built_in_strategies_are_found_through_the_entry_points_and_load() -> None:
    points = {point.name: point for point in entry_points(group="stabbench.strategies")}
    assert {"devlin", "devlin-bc", "mixout", "mosbach"} <= points.keys()
    from stabbench.strategies.contract import Strategy

    for name in ("devlin", "devlin-bc", "mixout", "mosbach"):
        assert issubclass(points[name].load(), Strategy)


def test_reading_a_plan_and_records_needs_neither_torch_nor_pydantic() -> None:
    code = "import sys, stabbench.records; print(sorted({'torch', 'pydantic', 'transformers'} & sys.modules.keys()))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert process.stdout.strip() == "[]"


def test_the_check_that_machines_run_is_executable() -> None:
    assert os.access(ROOT / ".ci/run", os.X_OK)
    assert "make test" in (ROOT / ".ci/run").read_text(encoding="utf-8")
