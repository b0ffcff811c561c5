"""Results where they lie: one module a format that somebody else's code writes, all read as a table of runs."""

from __future__ import annotations

from stabbench.readers.contract import Found, Reader, Run, Source, Wanted, with_same
from stabbench.readers.registry import READERS, read

__all__ = ["READERS", "Found", "Reader", "Run", "Source", "Wanted", "read", "with_same"]
