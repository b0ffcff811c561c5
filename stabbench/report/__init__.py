"""Tables, figures and the page, made from a selection of records (`report.build`)."""

from __future__ import annotations


def load_drawing() -> None:
    """Import what a process that draws figures needs."""
    import stabbench.report.figures.rendering  # noqa: F401
