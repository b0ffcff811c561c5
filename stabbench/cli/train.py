"""`stabbench train`: the runs that the store lacks, of one cell or of the whole grid."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stabbench.cli import options
from stabbench.cli.planned import planned_cells

if TYPE_CHECKING:
    from stabbench.config import Config
    from stabbench.execution.outcome import CellOutcome
    from stabbench.execution.settings import Settings
    from stabbench.execution.shards import Shard
    from stabbench.plan import Cell
    from stabbench.records import Record, Store


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
    shard: str | None,
    launcher: str | None,
    workers: int | None,
    device: str | None,
    stacked_seeds: int | None,
    params_file: Path,
    store: Path,
    runs: Path,
) -> None:
    """Train what is missing and put the plan's records into runs/.

    Finished runs are never trained twice, whichever command asked for them. A run that breaks does not stop the
    others; it is tried again at the next start, and the exit status is 1. With --all only the store is filled, from the
    files that `stabbench plan` wrote; whatever reads the records next takes each cell's from there. Which runs are a
    shard's depends on the plan alone, never on what is done already.

    \b
    Examples:
      stabbench train
      stabbench train --model minilm --task cola-1k --strategy mosbach --seeds 1-3
      STABBENCH_WORKERS=8 stabbench train --strategy devlin
      stabbench plan && stabbench train --all && stabbench report
      stabbench train --all --shard 3/8
      RAY_ADDRESS=10.0.0.1:6379 stabbench train --all --launcher ray
    """
    from stabbench.execution.settings import Settings
    from stabbench.execution.shards import Shard
    from stabbench.files import check_writable, write_json
    from stabbench.lifeline import die_with_pipeline

    die_with_pipeline()
    settings = Settings.from_environment(workers=workers, device=device, stacked_seeds=stacked_seeds, launcher=launcher)
    part = Shard.parse(shard) if shard is not None else None
    if everything and (model or task or strategy or seeds):
        raise click.UsageError("--all is every planned run: leave out --model, --task, --strategy and --seeds")
    if part is not None and marker is not None:
        raise click.UsageError("--marker says that the store is filled, which a shard does not do: leave it out")
    if marker is not None:
        check_writable(marker.parent)
    wanted = _seeds(seeds) if seeds is not None else None
    cells = planned_cells() if everything else [(cell, runs) for cell in _cells(params_file, model, task, strategy)]
    if everything or part is not None:
        broken = fill([(cell, wanted or cell.seeds, runs) for cell, runs in cells], store, settings, part)
        if marker is not None:
            broken = False  # the stages of their cells try them again
            write_json(marker, {"store": "filled"})
    else:
        broken = train_cells([cell for cell, _ in cells], wanted, store, settings, runs)
    if broken:
        raise click.exceptions.Exit(1)


def train_cells(
    cells: Sequence[Cell], wanted: tuple[int, ...] | None, store: Path, settings: Settings, runs: Path
) -> bool:
    """Train what the cells lack, put their records into `runs`, and tell whether any run broke."""
    from stabbench.records import select

    records = options.open_store(store)
    outcomes = _train([(cell, wanted or cell.seeds, runs) for cell in cells], records, settings)
    for outcome in outcomes:
        selected = select(outcome.cell, records, runs)
        counts = [f"{len(outcome.trained)} trained", f"{len(outcome.reused)} already there"]
        scores = _scores(outcome.cell, wanted or outcome.cell.seeds, selected.records, records)
        click.echo(f"{outcome.cell.name}: {', '.join(counts)}{scores}")
    return _say_errors(outcomes)


def fill(
    wanted: Sequence[tuple[Cell, Sequence[int], Path]], store: Path, settings: Settings, part: Shard | None = None
) -> bool:
    """Train the wanted seeds of each cell (or a part of them all) into the store, and tell whether any run broke.

    Each cell comes with the folder that selects its records. The longest runs come first, so that no worker is left
    with one while the others have nothing to do. Runs that broke are named; the stage of their own cell tries them
    again.
    """
    if part is not None:
        chosen = part.of([(cell, seeds) for cell, seeds, _ in wanted])
        wanted = [(wanted[place][0], seeds, wanted[place][2]) for place, seeds in chosen.items()]
    longest_first = sorted(wanted, key=lambda item: item[0].updates(), reverse=True)
    outcomes = _train(longest_first, options.open_store(store), settings)
    trained, reused = (sum(len(getattr(outcome, name)) for outcome in outcomes) for name in ("trained", "reused"))
    shard = f"shard {part.number}/{part.count}: " if part is not None else ""
    click.echo(f"{shard}{trained} runs trained, {reused} already there")
    return _say_errors(outcomes)


def _train(
    wanted: Sequence[tuple[Cell, Sequence[int], Path]], records: Store, settings: Settings
) -> Sequence[CellOutcome]:
    """Train what is missing; torch is imported only where something is."""
    from stabbench.cli.progress import RunsProgress
    from stabbench.execution.outcome import CellOutcome, already_there
    from stabbench.files import check_writable
    from stabbench.records import adopt_selection

    for cell, _, runs in wanted:
        adopt_selection(cell, records, runs)
    if all(already_there(cell, seed, records) for cell, seeds, _ in wanted for seed in seeds):
        return [CellOutcome(cell, reused=list(seeds)) for cell, seeds, _ in wanted]

    from stabbench.execution.grid import train_cells as train_grid
    from stabbench.stopping import standing

    check_writable(records.root, *{runs for _, _, runs in wanted})
    name = wanted[0][0].name if len(wanted) == 1 else f"{len(wanted)} cells"
    with RunsProgress(name, sum(len(seeds) for _, seeds, _ in wanted)) as progress, standing(progress.standing):
        return train_grid([(cell, seeds) for cell, seeds, _ in wanted], records, settings, Path(), progress.listen)


def _say_errors(outcomes: Sequence[CellOutcome]) -> bool:
    for outcome in outcomes:
        for seed, message in sorted(outcome.errors.items()):
            click.echo(f"error: {outcome.cell.name} seed {seed}: {message}", err=True)
    return any(outcome.errors for outcome in outcomes)


def _seeds(text: str) -> tuple[int, ...]:
    from stabbench.config import parse_seeds

    return parse_seeds(text)


def _cells(params_file: Path, model: str | None, task: str | None, strategy: str | None) -> list[Cell]:
    """The wanted cells: inside a pipeline stage as their plan files say, else resolved now, their tasks prepared."""
    if "DVC_STAGE" in os.environ:
        return _planned_cells(model, task, strategy)

    from stabbench.config import check_names, load

    config = load(params_file)
    grid = config.grid
    names = [
        (m, t, s)
        for m in ([model] if model else grid.models)
        for t in ([task] if task else grid.tasks)
        for s in ([strategy] if strategy else grid.strategies)
    ]
    for name in names:
        check_names(config, *name)
    return [_resolved(config, name) for name in names]


def _planned_cells(*names: str | None) -> list[Cell]:
    """The grid's cells that have these names, where one is given; UserError where there is none."""
    from stabbench.errors import UserError
    from stabbench.plan import read_plan

    cells = read_plan(Path("plan"))
    wanted = [
        cell
        for cell in cells
        if all(name in (None, own) for name, own in zip(names, cell.name.split("/"), strict=True))
    ]
    if not wanted:
        named = "/".join(name or "*" for name in names)
        raise UserError(f"no plan file {Path('plan') / named}.json: run `stabbench plan` first")
    return wanted


def _resolved(config: Config, names: tuple[str, str, str]) -> Cell:
    from stabbench.cli.prepare import prepare_arguments
    from stabbench.plan import plan_path
    from stabbench.resolve import plan_cell
    from stabbench.tasks.preparation import prepare

    folder = Path("data") / names[1]
    if not (folder / "task.json").exists():
        prepare(names[1], **prepare_arguments(config.tasks[names[1]]), out=folder)
    cell = plan_cell(config, Path(), *names)
    cell.write(plan_path(Path("plan"), *names))
    return cell


def _scores(cell: Cell, seeds: Sequence[int], selected: Mapping[int, Record], store: Store) -> str:
    """The headline score of every seed, as one line."""
    metric = cell.task_facts.metric
    found = [(seed, selected.get(seed) or store.finished(cell.fingerprint(seed))) for seed in seeds]
    shown = [
        f"{seed}: {record.result.final.scores[metric]:.3f}{'' if record.status == 'ok' else f' ({record.status})'}"
        for seed, record in found
        if record is not None
    ]
    return f"\n  {metric} by seed  {'  '.join(shown)}" if shown else ""
