"""How many runs of each cell failed."""

from __future__ import annotations

from stabbench.report.content import Content
from stabbench.report.section import RESULTS, Section


def section(content: Content) -> Section:
    """A table a model and task, each share with its interval."""
    places = [(content.heading(place), place.task, content.rows(place).to_dict("records")) for place in content.places]
    return Section("failures", "Failed runs", part=RESULTS, block={"places": places})
