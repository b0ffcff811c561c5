"""The C library's heap on a CPU: freed memory that it keeps is given back to the system now and then."""

from __future__ import annotations

import ctypes
import time
from functools import cache

from stabbench.training.contract import Progress

SECONDS = 60.0
"""Between two times: a trim of MPNet-base's heap takes .09 s, and the update after it .17 s longer (medians of 8)."""


def trimmed(progress: Progress | None) -> Progress:
    """`progress`, after which the heap is trimmed about every `SECONDS`.

    glibc (2.36 here; its bug 14581) does not always take a freed block for the next one of its size where both are
    aligned, as torch's are. Between small blocks that stay, a training of MPNet-base so grew by 9 MB an update, one
    matrix's gradient, to 13 GB, of which 1.2 were in use.
    """
    last = time.monotonic()

    def told(step: int, total: int) -> None:
        nonlocal last
        if progress is not None:
            progress(step, total)
        if time.monotonic() - last >= SECONDS:
            trim()
            last = time.monotonic()

    return told


def trim() -> None:
    """Give the system all pages of the heap on which nothing lies; without effect where the C library is not glibc."""
    found = _malloc_trim()
    if found is not None:
        found(0)


@cache
def _malloc_trim() -> ctypes._NamedFuncPointer | None:
    try:
        found = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library; Windows has no name for "this process"
        return None
    found.argtypes, found.restype = [ctypes.c_size_t], ctypes.c_int
    return found
