"""A project's records on a tracking server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stabbench import tracking
from stabbench.config import load
from stabbench.folders import Folders
from stabbench.project.selection import select_planned
from stabbench.records import Store
from stabbench.tracking import Part, TrackingOutcome


def track(
    folders: Folders,
    store: Store,
    *,
    uri: str | None = None,
    models: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> TrackingOutcome:
    """Bring an MLflow server up to date with grid, studies and probes; `progress` is told runs seen and of all."""
    config = load(folders.params)
    select_planned(folders, store)
    figures = folders.reports / "figures"
    return tracking.bring_up_to_date(
        folders.runs,
        preset=config.preset,
        tracking_uri=uri,
        root=folders.root,
        figures=figures if figures.is_dir() else None,
        store=store.root,
        models=models,
        studies=_parts(config.studies, folders.studies, folders.chapters),
        probes=_parts(config.probes, folders.probes, folders.chapters),
        progress=progress,
    )


def _parts(blocks: Mapping[str, Mapping[str, Any]], results: Path, chapters: Path) -> list[Part]:
    return [Part(name, block, results / name, chapters / name) for name, block in blocks.items()]
