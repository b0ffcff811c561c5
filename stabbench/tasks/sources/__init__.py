"""Where a task's examples come from: one module a source, each with its own way to read; all give `Labelled`."""

from __future__ import annotations

from stabbench.tasks.sources.contract import Labelled, Source, Wanted
from stabbench.tasks.sources.registry import TASK_SOURCES, source_for

__all__ = ["TASK_SOURCES", "Labelled", "Source", "Wanted", "source_for"]
