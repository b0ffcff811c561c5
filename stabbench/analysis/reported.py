"""Which weights runs report: their last ones, or those of an evaluation that their own scores on dev chose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from stabbench.analysis.frame import CELL, REPORTED
from stabbench.analysis.place import Place
from stabbench.recipe import Recipe

USUAL = Recipe().reported
NOT_SAID = "nobody says"
LAST_STEP = "at the last step"


def reported_by(runs: pd.DataFrame) -> Mapping[Place, str]:
    """Which weights each cell of a frame reports, in words; empty where all report what is usual, or nobody says.

    A cell whose runs differ, as somebody's table may say, has all of what they report.
    """
    if REPORTED not in runs:
        return {}
    texts = runs[REPORTED].astype(object).where(runs[REPORTED].notna(), "").replace("", NOT_SAID)
    groups = texts.groupby([runs[name] for name in CELL], sort=False, observed=True)
    return {Place(*map(str, key)): " and ".join(map(str, values.unique())) for key, values in groups}


def when_scored(reported: Iterable[str]) -> str:
    """After "score on dev", of cells that report these weights: `at the last step` where nothing else is declared."""
    found = {text or USUAL for text in reported}
    if found <= {USUAL}:
        return LAST_STEP
    return f"({found.pop()})" if len(found) == 1 else "of the weights that each run reports"
