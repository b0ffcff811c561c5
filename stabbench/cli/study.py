"""`stabbench study`: the runs of one study, and what they show."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stabbench.cli import options

if TYPE_CHECKING:
    from stabbench.config import Config
    from stabbench.plan import Cell
    from stabbench.studies import Named


@click.command()
@click.argument("name")
@options.machine
@options.params
@options.store
def study(name: str, workers: int | None, device: str | None, params_file: Path, store: Path) -> None:
    """Train what the study NAME of params.yaml lacks, and put its records into studies/NAME/.

    Runs that the main grid or another study has trained already are taken from the store. Outside the pipeline its
    chapter (data, figures) is written to reports/studies/NAME/ at once; `stabbench report` puts it into the page.

    \b
    Examples:
      stabbench study ablation
      STABBENCH_WORKERS=8 stabbench study small-data
    """
    from stabbench.cli.sections import write_chapter
    from stabbench.cli.train import train_cells
    from stabbench.config import load
    from stabbench.execution.lifeline import die_with_pipeline
    from stabbench.execution.settings import Settings
    from stabbench.records import Selection
    from stabbench.studies import study_named

    die_with_pipeline()
    config = load(params_file)
    entry = study_named(config, name)
    settings = Settings.from_environment(workers=workers, device=device)
    cells = _cells(config, entry)
    selected = Path("studies") / name
    for stale in set(selected.glob("*/*/*")) - {selected / cell.model / cell.task / cell.strategy for cell in cells}:
        shutil.rmtree(stale)
    broken = train_cells(cells, None, store, settings, selected)
    if "DVC_STAGE" not in os.environ:
        selection = Selection.read(selected)
        write_chapter(config, name, lambda content: entry.study.section(name, entry.options, selection, content))
    if broken:
        raise click.exceptions.Exit(1)


def _cells(config: Config, entry: Named) -> Sequence[Cell]:
    """The planned cells: inside a pipeline stage as the plan files say, else resolved now (and tasks prepared)."""
    from stabbench.plan import read_plan, write_plan

    folder = Path("plan") / "studies" / entry.name
    if "DVC_STAGE" in os.environ:
        return read_plan(folder)

    from stabbench.resolve import check_variations, plan_variations
    from stabbench.tasks.preparation import prepare

    variations = entry.study.variations(entry.options, config)
    check_variations(config, variations)
    for task in {name for variation in variations for name in (variation.task, variation.steps_of) if name}:
        if not (Path("data") / task / "task.json").exists():
            prepare(task, **config.tasks[task].model_dump(), out=Path("data") / task)
    cells = plan_variations(config, Path(), variations)
    write_plan(folder, cells)
    return cells
