"""Tables, figures and the page, made from a selection of records."""

from __future__ import annotations

from stabbench.report.build import build

__all__ = ["build"]
