"""An official file of a split, as it was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from stabbench.errors import told


@dataclass(frozen=True)
class SplitFile:
    """A split's file as it was read."""

    path: Path
    frame: pd.DataFrame
    """The examples without fault; `example` counts all from 0 after the header."""
    count: int
    """Examples in the file, with those that cannot be used, without those that are left out."""
    faults: tuple[tuple[int, str], ...]
    """Lines that cannot be used, with what is wrong; they are never left out in silence (`message`)."""
    header: tuple[str, ...] | None
    """The file's first line, where that is a header."""
    index_gap: tuple[int, str, int] | None
    """Where a column of row numbers leaves its order first: line, what stands there, what was expected."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """How many of its rows are no examples, by why."""

    @property
    def message(self) -> str:
        """All faults in one message; empty where there are none."""
        if not self.faults:
            return ""
        hint = "\nIs this the official file, unquoted?" if any("columns" in fault for _, fault in self.faults) else ""
        return told(str(self.path), "line", self.faults) + hint
