"""`stabbench train`: the runs that the store lacks, of one cell or of the whole grid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stabbench.cli import options
from stabbench.folders import Folders


@click.command()
@click.option("--model", help="A model of params.yaml; without it, all of the grid.")
@click.option("--task", help="A task of params.yaml; without it, all of the grid.")
@click.option("--strategy", help="A strategy of params.yaml; without it, all of the grid.")
@click.option("--seeds", help="Such as 1-25 or 1,2,5-9; without it, those of params.yaml.")
@click.option("--all", "everything", is_flag=True, help="Every planned run, of the grid and of all studies, at once.")
@click.option(
    "--marker",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --all: a file to write at the end, for the pipeline.",
)
@click.option(
    "--asked",
    "asked_into",
    type=click.Path(path_type=Path, file_okay=False),
    help="With --all: a folder for the seeds that each cell of the grid is to have by now, for the pipeline.",
)
@click.option(
    "--shard",
    metavar="K/N",
    help="Only part K of N of these runs, into the store alone: for array jobs that share a folder.",
)
@options.machine
@click.option(
    "--stacked-seeds",
    type=click.IntRange(min=1),
    help="Seeds side by side in a worker ($STABBENCH_STACKED_SEEDS; default: 1, on CUDA as many as fit in memory).",
)
@options.params
@options.store
@options.runs
def train(
    model: str | None,
    task: str | None,
    strategy: str | None,
    seeds: str | None,
    everything: bool,
    marker: Path | None,
    asked_into: Path | None,
    shard: str | None,
    params: Path,
    store: Path,
    runs: Path,
    **machine: Any,
) -> None:
    """Train what is missing and put the plan's records into runs/.

    Finished runs are never trained twice, whichever command asked for them. A run that breaks does not stop the
    others; it is tried again at the next start, and the exit status is 1. With --all only the store is filled, from the
    files that `stabbench plan` wrote; whatever reads the records next takes each cell's from there. Which runs are a
    shard's depends on the plan alone, never on what is done already.

    Where params.yaml has the seeds trained by stages (docs/seeds.md), a stage is trained, looked at, and the next one
    trained of those strategies that are not decided yet; a shard trains its part of one stage.

    \b
    Examples:
      stabbench train
      stabbench train --model minilm --task cola-1k --strategy mosbach --seeds 1-3
      STABBENCH_WORKERS=8 stabbench train --strategy devlin
      stabbench plan && stabbench train --all && stabbench report
      stabbench train --all --shard 3/8
      RAY_ADDRESS=10.0.0.1:6379 stabbench train --all --launcher ray
    """
    from stabbench.cli.progress import watch_runs
    from stabbench.execution.settings import Settings
    from stabbench.execution.shards import Shard
    from stabbench.files import check_writable, write_json
    from stabbench.project.looking import write_asked
    from stabbench.project.selection import planned_cells
    from stabbench.project.training import chosen_cells, fill
    from stabbench.project.training import train as train_cells
    from stabbench.watchdog import die_with_pipeline

    die_with_pipeline()
    settings = Settings.from_environment(**machine)
    part = Shard.parse(shard) if shard is not None else None
    if everything and (model or task or strategy or seeds):
        raise click.UsageError("--all is every planned run: leave out --model, --task, --strategy and --seeds")
    if part is not None and marker is not None:
        raise click.UsageError("--marker says that the store is filled, which a shard does not do: leave it out")
    if asked_into is not None and not everything:
        raise click.UsageError("--asked is of the whole plan: it needs --all")
    check_writable(*(path.parent for path in (marker, asked_into) if path is not None))
    wanted = None
    if seeds is not None:
        from stabbench.config import parse_seeds

        wanted = parse_seeds(seeds)
    folders, records = Folders.of(params=params, store=store, runs=runs), options.open_store(store)
    if everything:
        options.warn_of_stale_plan(folders)
    if everything or part is not None:
        cells = (
            planned_cells(folders)
            if everything
            else [(cell, runs) for cell in chosen_cells(folders, model, task, strategy)]
        )
        asked = [(cell, wanted, place) for cell, place in cells]
        trained = fill(asked, folders, records, settings, part, watch_runs)
        click.echo(f"{f'shard {part.number}/{part.count}: ' if part is not None else ''}{trained.counts}")
        options.print_errors(trained)
        if not trained.looks_wait:
            if asked_into is not None:
                write_asked(folders, records, asked_into)
            if marker is not None:
                write_json(marker, {"store": "filled"})
                return  # what broke is tried again by the stages of its cells
    else:
        chosen = chosen_cells(folders, model, task, strategy)
        trained = train_cells(chosen, wanted, folders, records, settings, watch_runs)
        options.print_trained(trained)
    if trained.errors:
        raise click.exceptions.Exit(1)
