"""Task sources by their installed names, or as `./file.py:Class`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stabbench.datasets import AUTO, DATASETS
from stabbench.plugins import Registry
from stabbench.tasks.sources.checking import check_source
from stabbench.tasks.sources.glue import folder_from_environment

TASK_SOURCES = Registry("task source", "stabbench.task_sources", check_source)


def source_for(source: str, options: Mapping[str, Any]) -> str:
    """The name of the source that a task with these options has: `auto` is the one that its data set has here."""
    if source != AUTO:
        return source
    if "dataset" not in options:
        return "hub-table" if "hub" in options else "files"
    dataset = DATASETS.get(options["dataset"])
    if dataset is not None and dataset.kind == "embedded":
        return "embedded"
    return "hub" if folder_from_environment() is None else "folder"
