"""Statistics over records: spread, failures, significance; importable without torch."""

from __future__ import annotations

from stabbench.analysis.frame import frame
from stabbench.analysis.pairwise import pairwise
from stabbench.analysis.stability import stability

__all__ = ["frame", "pairwise", "stability"]
