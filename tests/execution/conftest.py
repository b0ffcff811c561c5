"""A project folder with a tiny pretrained model and a tiny task, made once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from stabbench.cli import main
from tests.tiny import PROJECT

PARAMS = f"seeds: 1-4{PROJECT}strategies:\n  devlin: {{plugin: devlin}}\n"


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "params.yaml").write_text(PARAMS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for command in ("prepare", "pretrain"):
            result = CliRunner().invoke(main, [command])
            assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def project(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project as the current folder."""
    folder = tmp_path / "project"
    shutil.copytree(prepared, folder)
    monkeypatch.chdir(folder)
    for name in ("STABBENCH_STORE", "STABBENCH_WORKERS", "STABBENCH_DEVICE", "DVC_STAGE"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def add_strategy(project: Path) -> Callable[[str, str], None]:
    """Write a strategy file and name it in params.yaml: `add_strategy(name, class body)`."""

    def add(name: str, body: str) -> None:
        head = "import os\nimport signal\nimport torch\nfrom stabbench import Strategy\n\n\nclass Mine(Strategy):\n"
        lines = "\n".join(f"    {line}" for line in body.strip("\n").splitlines())
        (project / f"{name}.py").write_text(f"{head}{lines}\n")
        with (project / "params.yaml").open("a") as file:
            file.write(f"  {name}: {{plugin: ./{name}.py:Mine, recipe: {{learning_rate: 1.0e-3}}}}\n")

    return add
