"""Table 1: spread, mean and best of each cell, failed runs, and which std is significantly the smallest."""

from __future__ import annotations

from stabbench.report.content import Content, measured_level
from stabbench.report.layout import blocks
from stabbench.report.section import RESULTS, Section


def section(content: Content) -> Section:
    """The table in blocks of tasks, what its star is worth, and all numbers of every cell."""
    block = {
        "blocks": blocks(content),
        "level": measured_level(content),
        "cells": content.table.to_dict("records"),
    }
    return Section("stability", "Stability", part=RESULTS, block=block)
