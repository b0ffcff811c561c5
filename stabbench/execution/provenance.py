"""Where a record was made: versions, commit and device; never part of a result."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("stabbench", "torch", "transformers", "tokenizers", "numpy", "pandas", "pyarrow")


def provenance(
    root: Path, device: str, stacked_seeds: int, seconds: Mapping[str, float], planned_seeds: Sequence[int]
) -> dict[str, Any]:
    """The content of provenance.json; `planned_seeds` are all that the run's cell had planned when it was trained."""
    commit, dirty = _git(root.resolve())
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "git_commit": commit,
        "git_dirty": dirty,
        "versions": _versions(),
        "device": _device(device),
        "stacked_seeds": stacked_seeds,
        "threads": 1,
        "planned_seeds": list(planned_seeds),
        "seconds": {**seconds, "total": sum(seconds.values())},
    }


@cache
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@cache
def _device(device: str) -> str:
    if device.startswith("cuda"):
        import torch

        return str(torch.cuda.get_device_name(device))
    return f"cpu ({platform.machine()})"


@cache
def _git(root: Path) -> tuple[str | None, bool | None]:
    def ask(*words: str) -> str | None:
        try:
            answer = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, timeout=10, check=True)
        except (OSError, subprocess.SubprocessError):
            return None
        return answer.stdout.strip()

    commit = ask("rev-parse", "HEAD")
    return commit, None if commit is None else bool(ask("status", "--porcelain", "--untracked-files=no"))
