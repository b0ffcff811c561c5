"""The paper's figures over records: matplotlib, SVG and PNG with the same bytes every time."""

from __future__ import annotations
