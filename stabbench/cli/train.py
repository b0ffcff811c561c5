"""`stabbench train`: the runs that the store lacks, of one cell or of the whole grid."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stabbench.cli import options

if TYPE_CHECKING:
    from stabbench.config import Config
    from stabbench.execution.cell import CellOutcome
    from stabbench.execution.settings import Settings
    from stabbench.plan import Cell
    from stabbench.records import Store


@click.command()
@click.option("--model", help="A model of params.yaml; without it, all of the grid.")
@click.option("--task", help="A task of params.yaml; without it, all of the grid.")
@click.option("--strategy", help="A strategy of params.yaml; without it, all of the grid.")
@click.option("--seeds", help="Such as 1-25 or 1,2,5-9; without it, those of params.yaml.")
@click.option(
    "--workers", type=click.IntRange(min=1), help="Worker processes ($STABBENCH_WORKERS; default: the cores)."
)
@click.option("--device", help="cpu or cuda ($STABBENCH_DEVICE; default: cpu).")
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
    workers: int | None,
    device: str | None,
    stacked_seeds: int | None,
    params_file: Path,
    store: Path,
    runs: Path,
) -> None:
    """Train what is missing and put the plan's records into runs/.

    Finished runs are never trained twice, whichever command asked for them. A run that breaks does not stop the
    others; it is tried again at the next start, and the exit status is 1.

    \b
    Examples:
      stabbench train
      stabbench train --model minilm --task cola-1k --strategy mosbach --seeds 1-3
      STABBENCH_WORKERS=8 stabbench train --strategy devlin
    """
    from stabbench.config import load, parse_seeds
    from stabbench.execution.lifeline import die_with_pipeline
    from stabbench.execution.settings import Settings
    from stabbench.records import Store

    die_with_pipeline()
    config = load(params_file)
    wanted = parse_seeds(seeds) if seeds is not None else None
    settings = Settings.from_environment(workers=workers, device=device, stacked_seeds=stacked_seeds)
    cells = [_cell(config, names) for names in _names(config, model, task, strategy)]
    records = Store(store, warn=lambda message: click.echo(f"warning: {message}", err=True))
    outcomes = [_train_cell(cell, wanted, records, settings, runs) for cell in cells]
    if any(outcome.errors for outcome in outcomes):
        raise click.exceptions.Exit(1)


def _names(config: Config, model: str | None, task: str | None, strategy: str | None) -> list[tuple[str, str, str]]:
    from stabbench.resolve import check_names

    grid = config.grid
    names = [
        (m, t, s)
        for m in ([model] if model else grid.models)
        for t in ([task] if task else grid.tasks)
        for s in ([strategy] if strategy else grid.strategies)
    ]
    for name in names:
        check_names(config, *name)
    return names


def _cell(config: Config, names: tuple[str, str, str]) -> Cell:
    """The planned cell: inside a pipeline stage as its plan file says, else resolved now (and its task prepared)."""
    from stabbench.plan import Cell, plan_path

    path = plan_path(Path("plan"), *names)
    if "DVC_STAGE" in os.environ:
        return Cell.read(path)

    from stabbench.resolve import plan_cell
    from stabbench.tasks.preparation import prepare

    folder = Path("data") / names[1]
    if not (folder / "task.json").exists():
        prepare(names[1], **config.tasks[names[1]].model_dump(), out=folder)
    cell = plan_cell(config, Path(), *names)
    cell.write(path)
    return cell


def _train_cell(
    cell: Cell, wanted: tuple[int, ...] | None, store: Store, settings: Settings, runs: Path
) -> CellOutcome:
    from stabbench.cli.progress import CellProgress
    from stabbench.execution.cell import train_cell
    from stabbench.records import adopt_selection, select

    adopt_selection(cell, store, runs)
    seeds = wanted if wanted is not None else cell.seeds
    with CellProgress(cell.name, len(seeds)) as progress:
        outcome = train_cell(cell, seeds, store, settings, Path(), progress.listen)
    select(cell, store, runs)
    counts = [f"{len(outcome.trained)} trained", f"{len(outcome.reused)} already there"]
    click.echo(f"{cell.name}: {', '.join(counts)}{_scores(cell, seeds, store)}")
    for seed, message in sorted(outcome.errors.items()):
        click.echo(f"error: {cell.name} seed {seed}: {message}", err=True)
    return outcome


def _scores(cell: Cell, seeds: tuple[int, ...], store: Store) -> str:
    """The headline score of every seed, as one line."""
    metric = cell.task_facts["metric"]
    found = [(seed, store.finished(cell.fingerprint(seed))) for seed in seeds]
    shown = [
        f"{seed}: {record.data['final']['scores'][metric]:.3f}{'' if record.status == 'ok' else f' ({record.status})'}"
        for seed, record in found
        if record is not None
    ]
    return f"\n  {metric} by seed  {'  '.join(shown)}" if shown else ""
