"""What a part was measured on and with."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from stabbench.execution.settings import available_cores

PACKAGES = ("stabbench", "torch", "transformers", "accelerate", "datasets", "numpy")


def conditions() -> dict[str, Any]:
    """Date, commit, machine, versions, and how busy the machine was with other things."""
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "cpu": _cpu(),
        "cores": available_cores(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "load_average_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "versions": {package: _version(package) for package in PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    known = {key.strip(): value.strip() for key, value in facts.items()}
    flags = known.get("flags", "").split()
    kind = next((name for name in ("amx_tile", "avx512f", "avx2") if name in flags), "no AVX2")
    family = f", family {known['cpu family']} model {known['model']}" if "cpu family" in known else ""
    return f"{known.get('model name', platform.machine())}{family}, {kind}"


def _commit() -> str | None:
    def ask(*words: str) -> str:
        folder = Path(__file__).parent
        return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = ask("status", "--porcelain", "--untracked-files=no", "--", "../stabbench", "../benchmarks")
        return ask("rev-parse", "--short=12", "HEAD") + (" with changes" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None
