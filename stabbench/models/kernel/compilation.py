"""Compiles the kernel for this very CPU, once, into a cache folder: at installation, else at first use.

A library's name holds a hash of its sources, flags and CPU, so one that was built from or for something else is never
loaded. This module imports nothing but the standard library: the build backend runs it alone.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
SOURCES = ("encoder.c", "modern.c", "optimizer.c", "passes.c", "columns.c", "low_rank.c")
HEADERS = (
    "arithmetic.h", "transposition.h", "products.h", "factors.h", "lower_products.h", "linear.h", "norm.h",
    "rotation.h", "layout.h", "attention.h", "modern.h", "modern_tape.h",
)  # fmt: skip
FLAGS = (
    "-std=gnu11", "-O3", "-march=native", "-fopenmp-simd", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared",
)  # fmt: skip
"""NaN has to stay NaN and sums have to keep their order, so nothing of -ffast-math that would change either."""
KINDS = {
    "float": ("-DREAL=float",),
    "double": ("-DREAL=double",),
    "bfloat16": ("-DREAL=float", "-DLOWER_PRODUCTS", "-D_GNU_SOURCE"),
}
"""Libraries by the type of their layers' products, and what makes them; sums and all else in bfloat16's are float."""
BF16 = ("amx_bf16", "avx512_bf16")
"""Flags of CPUs with instructions for products of bf16 numbers: one of them is needed for that library."""


def compiler() -> str | None:
    """The C compiler to use: $CC, else cc, gcc or clang, where there is one."""
    names = (os.environ.get("CC"), "cc", "gcc", "clang")
    return next((found for name in names if name and (found := shutil.which(name))), None)


def kinds_here() -> tuple[str, ...]:
    """Those of `KINDS` that this CPU can compute with."""
    flags = _processor().split()
    return tuple(kind for kind in KINDS if kind != "bfloat16" or any(flag in flags for flag in BF16))


def compile_library(folder: Path, kind: str, *further: str) -> Path | None:
    """Compile one of `KINDS` into `folder`, with further arguments; None where that is not possible."""
    command = compiler()
    if command is None:
        return None
    target = folder / library_name(kind)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            built = Path(scratch) / target.name
            sources = [str(FOLDER / name) for name in SOURCES]
            subprocess.run(
                [command, *FLAGS, *KINDS[kind], *further, *sources, "-o", str(built), "-lm"],
                check=True, capture_output=True, timeout=300,
            )  # fmt: skip
            built.replace(target)
    except (OSError, subprocess.SubprocessError):
        return None
    return target


@lru_cache(maxsize=len(KINDS))
def load(kind: str) -> ctypes.CDLL | None:
    """That library of `KINDS`, compiled now where it is not there yet; None where there can be none."""
    if kind not in kinds_here():
        return None
    kept = cache_folder() / library_name(kind)
    file = kept if kept.is_file() else compile_library(cache_folder(), kind)
    try:
        return ctypes.CDLL(str(file)) if file else None
    except OSError:
        return None


def cache_folder() -> Path:
    """Where libraries are kept that were compiled at first use."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "stabbench"


@lru_cache(maxsize=len(KINDS))
def library_name(kind: str) -> str:
    """File name of that library of `KINDS` on this CPU."""
    digest = hashlib.sha256("\0".join((*FLAGS, *KINDS[kind], _processor())).encode())
    for name in (*SOURCES, *HEADERS):
        digest.update((FOLDER / name).read_bytes())
    return f"kernel-{kind}-{digest.hexdigest()[:16]}.so"


def _processor() -> str:
    """What this CPU is and can do."""
    kept = ("model name", "flags", "Features", "CPU part")
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    facts = sorted({line for line in lines if line.split("\t")[0].split(":")[0].strip() in kept})
    return "\n".join((platform.system(), platform.machine(), platform.processor(), *facts))
