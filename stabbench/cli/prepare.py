"""`stabbench prepare`: the tasks as parquet, with counts, label shares and majority baselines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stabbench.cli import options

if TYPE_CHECKING:
    from stabbench.tasks.prepared import PreparedTask


@click.command()
@click.argument("tasks", nargs=-1, metavar="[TASK]...")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("data"),
    show_default=True,
    help="Where the prepared tasks go, a folder each.",
)
@options.params
def prepare(tasks: tuple[str, ...], data: Path, params_file: Path) -> None:
    """Read, sample and check the tasks of params.yaml (all of the grid, or those named) and write them as parquet.

    GLUE comes from the folder that STABBENCH_GLUE_DIR names (RTE/train.tsv, CoLA/dev.tsv and so on), else from the hub.

    \b
    Examples:
      stabbench prepare
      STABBENCH_GLUE_DIR=~/glue stabbench prepare rte cola
    """
    from stabbench.config import load
    from stabbench.errors import unknown

    config = load(params_file)
    for name in tasks:
        if name not in config.tasks:
            raise unknown("task", name, config.tasks)

    from stabbench.files import check_writable
    from stabbench.stopping import standing
    from stabbench.tasks.preparation import prepare as prepare_task

    wanted = list(tasks or config.grid.tasks)
    check_writable(*(data / name for name in wanted))
    left = list(wanted)
    with standing(lambda: f"{len(wanted) - len(left)} of {len(wanted)} tasks are prepared, left: {', '.join(left)}"):
        for name in wanted:
            block = config.tasks[name]
            prepared = prepare_task(name, **block.model_dump(), out=data / name)
            click.echo(_summary(name, prepared))
            left.remove(name)


def _summary(name: str, task: PreparedTask) -> str:
    from stabbench.tasks.metrics import majority_scores

    _, scores = majority_scores(task.dev["label"], task.metrics)
    baselines = ", ".join(f"{metric} {value:.3f}" for metric, value in scores.items())
    return f"{name}: {len(task.train):,} train, {len(task.dev):,} dev; majority classifier: {baselines}"
