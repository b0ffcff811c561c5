"""`stabbench study`: the runs of one study, and what they show."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stabbench.cli import options

if TYPE_CHECKING:
    from stabbench.config import Config
    from stabbench.config.blocks import Named
    from stabbench.execution.settings import Settings
    from stabbench.plan import Cell
    from stabbench.studies import Study


@click.command()
@click.argument("name")
@options.machine
@options.params
@options.store
def study(
    name: str, launcher: str | None, workers: int | None, device: str | None, params_file: Path, store: Path
) -> None:
    """Train what the study NAME of params.yaml lacks, and put its records into studies/NAME/.

    Runs that the main grid or another study has trained already are taken from the store. Outside the pipeline its
    chapter (data, figures) is written to reports/studies/NAME/ at once; `stabbench report` puts it into the page.

    \b
    Examples:
      stabbench study ablation
      STABBENCH_WORKERS=8 stabbench study small-data
    """
    from stabbench.execution.settings import Settings
    from stabbench.lifeline import die_with_pipeline
    from stabbench.plan import read_plan

    die_with_pipeline()
    settings = Settings.from_environment(workers=workers, device=device, launcher=launcher)
    if "DVC_STAGE" in os.environ:
        broken = _select(name, read_plan(Path("plan") / "studies" / name), store, settings)
    else:
        broken = _study(name, params_file, store, settings)
    if broken:
        raise click.exceptions.Exit(1)


def _study(name: str, params_file: Path, store: Path, settings: Settings) -> bool:
    """Resolve the study's cells, train what they lack and write its chapter."""
    from stabbench.cli.sections import write_chapter
    from stabbench.config import load
    from stabbench.records import Selection
    from stabbench.studies import study_named

    config = load(params_file)
    entry = study_named(config, name)
    broken = _select(name, _resolved(config, entry), store, settings)
    selection = Selection.read(Path("studies") / name)
    write_chapter(config, name, lambda content: entry.plugin.section(name, entry.options, selection, content))
    return broken


def _select(name: str, cells: Sequence[Cell], store: Path, settings: Settings) -> bool:
    """Make studies/<name>/ hold the records of these cells, training what they lack; tells whether any run broke."""
    from stabbench.cli.train import train_cells

    selected = Path("studies") / name
    for stale in set(selected.glob("*/*/*")) - {selected / cell.model / cell.task / cell.strategy for cell in cells}:
        shutil.rmtree(stale)
    return train_cells(cells, None, store, settings, selected)


def _resolved(config: Config, entry: Named[Study[Any]]) -> Sequence[Cell]:
    """The cells as params.yaml has them now, written to the plan; tasks that they lack are prepared."""
    from stabbench.cli.prepare import prepare_arguments
    from stabbench.plan import write_plan
    from stabbench.resolve import check_variations, plan_variations
    from stabbench.tasks.preparation import prepare

    variations = entry.plugin.variations(entry.options, config)
    check_variations(config, variations)
    for task in {name for variation in variations for name in (variation.task, variation.steps_of) if name}:
        if not (Path("data") / task / "task.json").exists():
            prepare(task, **prepare_arguments(config.tasks[task]), out=Path("data") / task)
    cells = plan_variations(config, Path(), variations)
    write_plan(Path("plan") / "studies" / entry.name, cells)
    return cells
