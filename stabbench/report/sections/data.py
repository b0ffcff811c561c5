"""The files that hold every number, and every run where they are not too many."""

from __future__ import annotations

from stabbench.report.content import Content
from stabbench.report.section import MAKING, Section

LISTED_RUNS = 2000
"""More are in scores.csv alone."""


def section(content: Content) -> Section:
    """Links, and a row a run."""
    runs = content.runs.to_dict("records") if len(content.runs) <= LISTED_RUNS else []
    return Section("data", "Raw data", part=MAKING, block={"runs": runs})
