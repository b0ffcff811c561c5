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
from stabbench.processor import cpu

PACKAGES = ("stabbench", "torch", "transformers", "accelerate", "datasets", "numpy")


def conditions() -> dict[str, Any]:
    """Date, commit, machine and versions."""
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "cpu": cpu(),
        "cores": available_cores(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "python": platform.python_version(),
        "versions": {package: _version(package) for package in PACKAGES},
    }


class OtherProcesses:
    """How much of the cores' time others took from its creation on, a hypervisor included; None without /proc/stat."""

    def __init__(self) -> None:
        self.before = self._now()

    def share(self) -> float | None:
        """Of all cores' time so far, between 0 and 1; our own processes must have ended."""
        now = self._now()
        if now is None or self.before is None:
            return None
        busy, whole, own = (after - before for after, before in zip(now, self.before, strict=True))
        return min(max(0.0, (busy - own) / whole), 1.0) if whole else 0.0

    @staticmethod
    def _now() -> tuple[float, float, float] | None:
        """Seconds of all cores busy and in all, and those of this process and its ended children."""
        try:
            line = Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0]
        except (OSError, IndexError):
            return None
        ticks = [int(value) for value in line.split()[1:9]]
        second, idle, own = os.sysconf("SC_CLK_TCK"), ticks[3] + ticks[4], os.times()
        taken = own.user + own.system + own.children_user + own.children_system
        return (sum(ticks) - idle) / second, sum(ticks) / second, taken


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    def ask(*words: str) -> str:
        folder = Path(__file__).parent
        return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = ask("status", "--porcelain", "--untracked-files=no", "--", "../stabbench", "../benchmarks")
        return ask("rev-parse", "--short=12", "HEAD") + (" with changes" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None
