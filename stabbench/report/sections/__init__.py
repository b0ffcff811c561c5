"""Chapters that the main grid's records give by themselves: one module each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stabbench.report.content import Content
from stabbench.report.section import Section
from stabbench.report.sections import (
    bias_correction_factor,
    example_stability,
    failed_runs,
    generalisation,
    gradient_norms,
    hyperparameters,
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
)
"""In the order of the page within each of its parts."""


def views(content: Content) -> list[Section]:
    """All of them; to be called inside `stabbench.report.figures.drawing.style`."""
    return [view(content) for view in VIEWS]
