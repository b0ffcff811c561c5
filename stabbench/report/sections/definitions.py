"""What the words and signs of the tables mean."""

from __future__ import annotations

from stabbench.report.content import Content
from stabbench.report.section import MAKING, Section


def section(content: Content) -> Section:
    """A list."""
    return Section("definitions", "Definitions", part=MAKING, block={})
