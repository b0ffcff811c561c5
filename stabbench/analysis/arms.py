"""The strategies of one model and task as arms whose seeds are looked at in turn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from stabbench.analysis.frame import MISSING, frame
from stabbench.analysis.place import Place
from stabbench.analysis.sequential import Decisions, decisions
from stabbench.errors import UserError
from stabbench.looks import Design
from stabbench.records import SelectedCell, Selection


@dataclass(frozen=True)
class Arms:
    """What is known of each arm, by its name."""

    place: Place
    """The model and task."""
    metric: str
    scores: Mapping[str, Sequence[float]]
    """In the order of the seeds, up to the first that is missing: what comes in later changes no look."""
    failed: Mapping[str, Sequence[bool]]
    """Which of these runs failed; of arms of which that is known."""

    @classmethod
    def of(cls, runs: Sequence[pd.DataFrame]) -> Arms:
        """Those of the runs of each strategy, rows of `frame`; UserError for a run without a score."""
        scores, failed = {}, {}
        for cell in runs:
            first = cell.iloc[0]
            ordered = cell.sort_values("seed")
            done = ordered[~(ordered["status"] == MISSING).cummax()]
            values = done["score"].to_numpy(dtype=float)
            name = str(first["strategy"])
            if any(map(math.isnan, values)):
                raise UserError(f"{name} on {first['task']}: found a run without a score, which cannot be looked at")
            scores[name] = values.tolist()
            if not done["failed"].isna().any():
                failed[name] = done["failed"].to_numpy(dtype=bool).tolist()
        first = runs[0].iloc[0]
        return cls(Place(str(first["model"]), str(first["task"])), str(first["metric"]), scores, failed)

    def decided(self, design: Design) -> Decisions:
        """What the design makes of them."""
        return decisions(self.scores, self.failed, design)


def arms_of(cells: Sequence[SelectedCell]) -> Arms:
    """The arms that all cells of one model and task are."""
    return Arms.of([frame(Selection((cell,))) for cell in cells])
