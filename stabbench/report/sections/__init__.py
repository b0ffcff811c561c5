"""Chapters beside those of studies, one module each: of the main grid's runs, and of probes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from stabbench.errors import unknown
from stabbench.report.content import Content
from stabbench.report.measurement import MeasuredProbe
from stabbench.report.section import Section
from stabbench.report.sections import (
    bias_correction_factor,
    cost,
    data,
    definitions,
    example_stability,
    failed_runs,
    failures,
    forgetting,
    generalisation,
    gradient_norms,
    gradients,
    hyperparameters,
    making,
    pairs,
    scores,
    stability,
    statistics,
    surface,
    task_statistics,
    training,
)

View = Callable[[Content], Section | None]
"""What makes a chapter, or None where there is nothing to show."""
OF_SCORES: Sequence[View] = (stability.section, scores.section, failures.section, pairs.section, cost.section)
OF_RECORDS: Sequence[View] = (
    training.section,
    gradients.section,
    example_stability.section,
    gradient_norms.section,
    failed_runs.section,
    bias_correction_factor.section,
    generalisation.section,
    task_statistics.section,
    hyperparameters.section,
    statistics.section,
    making.section,
)
"""Those that plain results, without records behind them, cannot fill."""
LAST: Sequence[View] = (definitions.section, data.section)
"""All in the order of the page within each of its parts."""

PROBES: Mapping[str, Callable[[MeasuredProbe, Content], Section]] = {
    "forgetting": forgetting.section,
    "surface": surface.section,
}
"""By the kind in probe.json."""


def views(content: Content) -> Iterator[Section]:
    """One after the other; to be taken inside `stabbench.report.figures.drawing.style`."""
    for view in (*OF_SCORES, *(OF_RECORDS if content.recorded else ()), *LAST):
        section = view(content)
        if section is not None:
            yield section


def probe_section(folder: Path, content: Content) -> Section:
    """The chapter of what a probe left in `folder`; UserError where it cannot be read or is of an unknown kind."""
    probe = MeasuredProbe.read(folder)
    if probe.kind not in PROBES:
        raise unknown(f"kind of probe in {folder}", probe.kind, PROBES)
    return PROBES[probe.kind](probe, content)
