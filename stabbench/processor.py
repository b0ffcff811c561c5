"""Which kind of CPU this is: what the last bits of a result depend on, and what a duration is of."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path

KINDS = ("amx_bf16", "avx512_bf16", "avx512f", "avx2")
"""What tells CPUs apart for matrix products, the most able first."""


@cache
def cpu() -> str:
    """What this CPU is, as `described` has it."""
    return described(_core())


def described(core: Mapping[str, str]) -> str:
    """Name, family, model and the most able of `KINDS` of what /proc/cpuinfo says of a core, as far as it says them.

    `AMD EPYC, family 26 model 2, avx512_bf16`; the architecture where there is no name.
    """
    name = core.get("model name") or platform.processor() or platform.machine()
    family = f", family {core['cpu family']} model {core['model']}" if "cpu family" in core else ""
    return f"{name}{family}{f', {_kind(core)}' if 'flags' in core else ''}"


def _kind(core: Mapping[str, str]) -> str:
    flags = core.get("flags", "").split()
    return next((name for name in KINDS if name in flags), "no AVX2")


def _core() -> dict[str, str]:
    """What the system says of one core; nothing where it says nothing."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    return {key.strip(): value.strip() for key, value in facts.items()}
