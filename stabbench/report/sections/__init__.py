"""Chapters beside those of studies, one module each: of the main grid's records alone; those of probes beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from stabbench.report.content import Content
from stabbench.report.section import Section
from stabbench.report.sections import (
    bias_correction_factor,
    example_stability,
    failed_runs,
    generalisation,
    gradient_norms,
    hyperparameters,
    statistics,
    task_statistics,
)

VIEWS: Sequence[Callable[[Content], Section]] = (
    example_stability.section,
    gradient_norms.section,
    failed_runs.section,
    bias_correction_factor.section,
    generalisation.section,
    task_statistics.section,
    hyperparameters.section,
    statistics.section,
)
"""In the order of the page within each of its parts."""


def views(content: Content) -> Iterator[Section]:
    """One after the other; to be taken inside `stabbench.report.figures.drawing.style`."""
    return (view(content) for view in VIEWS)
