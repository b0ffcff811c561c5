"""Processes that are known by what they do: they sleep so many seconds as nobody else does."""

from __future__ import annotations

import os
import subprocess


def odd() -> str:
    """Seconds that nobody else sleeps."""
    return f"6{os.getpid() % 10**6}.25"


def running(seconds: str) -> list[int]:
    """The processes `sleep <seconds>`."""
    found = subprocess.run(["pgrep", "-f", f"^sleep {seconds}"], capture_output=True, text=True).stdout
    return list(map(int, found.split()))
