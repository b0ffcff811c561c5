"""One study: its runs, and what they show."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stabbench.execution.settings import Settings
from stabbench.folders import Folders
from stabbench.plan import Cell, read_plan, write_plan
from stabbench.project.training import Trained, Watch, silent, train
from stabbench.records import Selection, Store

if TYPE_CHECKING:
    from stabbench.report.section import Section


def train_study(name: str, folders: Folders, store: Store, settings: Settings, watch: Watch = silent) -> Trained:
    """Train what a study's cells lack and select their records.

    Inside a pipeline stage the cells are those of the plan files; else they are resolved now, their tasks prepared.
    """
    runs = folders.studies / name
    cells = read_plan(folders.study_plans / name) if "DVC_STAGE" in os.environ else _resolved(name, folders)
    for stale in set(runs.glob("*/*/*")) - {runs / cell.model / cell.task / cell.strategy for cell in cells}:
        shutil.rmtree(stale)
    return train(cells, None, replace(folders, runs=runs), store, settings, watch)


def study_chapter(name: str, folders: Folders) -> tuple[Section, Path] | None:
    """Write a study's chapter; None where the main grid has no runs yet."""
    from stabbench.config import load
    from stabbench.project.chapters import write_chapter
    from stabbench.studies import study_named

    config = load(folders.params)
    entry, selection = study_named(config, name, folders.root), Selection.read(folders.studies / name)
    return write_chapter(
        folders, config, name, lambda content: entry.plugin.section(name, entry.options, selection, content)
    )


def _resolved(name: str, folders: Folders) -> Sequence[Cell]:
    """The cells as params.yaml has them now, written to the plan; tasks that they lack are prepared."""
    from stabbench.config import check_variations, load
    from stabbench.project.preparation import prepare_missing
    from stabbench.resolve import plan_variations
    from stabbench.studies import study_named

    config = load(folders.params)
    entry = study_named(config, name, folders.root)
    variations = entry.plugin.variations(entry.options, config)
    check_variations(config, variations)
    prepare_missing(folders, config, (task for variation in variations for task in variation.tasks))
    cells = plan_variations(config, folders.root, variations)
    write_plan(folders.study_plans / name, cells)
    return cells
