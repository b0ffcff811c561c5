"""Chapters that the main grid's records give by themselves: one module each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stabbench.report.content import Content
from stabbench.report.section import Section
from stabbench.report.sections import bias_correction_factor

VIEWS: Sequence[Callable[[Content], Section]] = (bias_correction_factor.section,)
"""In the order of the page."""


def views(content: Content) -> list[Section]:
    """All of them; to be called inside `stabbench.report.figures.drawing.style`."""
    return [view(content) for view in VIEWS]
