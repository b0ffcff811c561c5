"""A tiny project whose training takes seconds, and a disk of a few kilobytes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from stabbench.cli import main
from tests.faults.processes import clean_environment, digests
from tests.tiny import PROJECT

PARAMS = f"""seeds: 1-6{PROJECT}strategies:
  devlin: {{plugin: devlin, recipe: {{epochs: 60}}}}
  mosbach: {{plugin: mosbach, recipe: {{epochs: 60}}}}
"""


@pytest.fixture(scope="session")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose cell is planned and whose runs are trained, into the store `whole`, without any fault.

    mosbach.json is the plan of another cell, which can be moved into plan/.
    """
    folder = tmp_path_factory.mktemp("planned")
    (folder / "params.yaml").write_text(PARAMS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in set(os.environ) - clean_environment().keys():
            patch.delenv(name)

        def run(*words: str) -> None:
            result = CliRunner().invoke(main, words)
            assert result.exit_code == 0, result.output

        for command in ("prepare", "pretrain"):
            run(command)
        (folder / "params.yaml").write_text(PARAMS.replace("[devlin]", "[devlin, mosbach]"))
        run("plan")
        (folder / "plan/embedded/acceptability/mosbach.json").rename("mosbach.json")
        (folder / "params.yaml").write_text(PARAMS)
        run("train", "--all", "--store", "whole")
    return folder


@pytest.fixture
def project(planned: Path, tmp_path: Path) -> Path:
    """A copy of the project, nothing of which is trained."""
    return Path(shutil.copytree(planned, tmp_path / "project", ignore=shutil.ignore_patterns("whole", ".*.log")))


@pytest.fixture(scope="session")
def whole(planned: Path) -> dict[str, str]:
    """The digests of an uninterrupted training."""
    found = digests(planned, planned / "whole")
    assert len(found) == 6
    return found


@dataclass(frozen=True)
class Disk:
    """A file system in memory."""

    folder: Path

    def mount(self, options: str) -> None:
        """Mount it, or mount it again with other options."""
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.folder], check=True, capture_output=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Disk]]:
    """Mounts a disk of that many KiB; skips where mounting is not allowed."""
    disk = Disk(tmp_path / "disk")
    disk.folder.mkdir()

    def make(kib: int) -> Disk:
        try:
            disk.mount(f"size={kib}k")
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("mounting a file system is not allowed here")
        return disk

    yield make
    subprocess.run(["umount", "--lazy", disk.folder], check=False, capture_output=True)
