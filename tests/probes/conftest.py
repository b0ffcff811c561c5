"""A tiny project whose runs are trained: those of `devlin` fail (its rate is next to nothing), `mosbach`'s succeed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from stabbench.cli import main
from tests.execution.conftest import PARAMS

STRATEGIES = """strategies:
  devlin: {plugin: devlin, recipe: {learning_rate: 1.0e-9}}
  mosbach: {plugin: mosbach, recipe: {learning_rate: 1.0e-2, batch_size: 4}}
probes:
  forgetting: {max_tokens: 400, failed: 2, successful: 1}
  surface: {points: 4, examples: 20}
"""
VARIABLES = ("STABBENCH_STORE", "STABBENCH_WORKERS", "STABBENCH_DEVICE", "STABBENCH_WIKITEXT_DIR", "DVC_STAGE")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    grid = PARAMS.split("strategies:\n")[0].replace("[devlin]", "[devlin, mosbach]").replace("seeds: 1-4", "seeds: 1-2")
    (folder / "params.yaml").write_text(grid + STRATEGIES)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        for command in (["prepare"], ["pretrain"], ["plan"], ["train", "--workers", "1"]):
            result = CliRunner().invoke(main, command)
            assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def project(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the trained project as the current folder."""
    folder = tmp_path / "project"
    shutil.copytree(trained, folder)
    monkeypatch.chdir(folder)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STABBENCH_WORKERS", "1")
    return folder
