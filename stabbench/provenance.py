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

from stabbench.looks import Design
from stabbench.processor import cpu
from stabbench.typed_json import to_json

PACKAGES = ("stabbench", "torch", "transformers", "tokenizers", "numpy", "pandas", "pyarrow")


def provenance(
    root: Path,
    trained_on: Mapping[str, Any],
    stacked_seeds: int,
    seconds: Mapping[str, float],
    planned_seeds: Sequence[int],
    looks: Design | None = None,
) -> dict[str, Any]:
    """The content of provenance.json.

    `trained_on` is what `machine` says where the run was trained, empty where that is not known; `planned_seeds` are
    all that the run's cell had planned then, `looks` how they were to be trained by stages.
    """
    commit, dirty = _git(root.resolve())
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "git_commit": commit,
        "git_dirty": dirty,
        "versions": trained_on.get("versions", {}),
        "device": trained_on.get("device"),
        "stacked_seeds": stacked_seeds,
        "threads": 1,
        "planned_seeds": list(planned_seeds),
        **({} if looks is None else {"looks": to_json(looks)}),
        "seconds": {**seconds, "total": sum(seconds.values())},
    }


def machine(device: str) -> dict[str, Any]:
    """This machine's part of it: versions, and the name of the device."""
    return {"versions": _versions(), "device": _device(device)}


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

        return str(torch.cuda.get_device_name(device)) if torch.cuda.is_available() else device
    return f"cpu ({cpu()})"


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
