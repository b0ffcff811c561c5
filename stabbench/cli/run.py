"""`stabbench run`: anybody's training command under many seeds, from any folder to a table."""

from __future__ import annotations

from pathlib import Path

import click

from stabbench.cli import options


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("command", nargs=-1, required=True, metavar="-- COMMAND…")
@click.option("--seeds", required=True, help="Such as 1-25 or 1,2,5-9.")
@click.option("--strategy", default="command", show_default=True, help="What the recipe is called in tables.")
@click.option("--task", default="task", show_default=True, help="What the data are called.")
@click.option("--model", default="model", show_default=True, help="What the model is called.")
@click.option("--metric", help="The headline metric, where what the command leaves does not say it or has several.")
@click.option(
    "--majority",
    type=float,
    help="What the best constant prediction scores, where neither labels nor metric tell: what is no better failed.",
)
@click.option("--time-limit", type=click.FloatRange(min=0, min_open=True), help="Minutes that a run may take.")
@click.option(
    "--file",
    "files",
    multiple=True,
    help="A file whose content decides results beside those that the command names, such as a module of a script's.",
)
@click.option("--workers", type=click.IntRange(min=1), help="Runs at once ($STABBENCH_WORKERS; default: the cores).")
@options.folder("reports", "The folder of the report.", flag="out")
def run(
    command: tuple[str, ...],
    seeds: str,
    strategy: str,
    task: str,
    model: str,
    metric: str | None,
    majority: float | None,
    time_limit: float | None,
    files: tuple[str, ...],
    workers: int | None,
    reports: Path,
) -> None:
    """Run COMMAND once a seed, record what each run leaves, and make the report of all runs in this folder.

    {seed} and {out} in the command stand for the seed and for a folder of the run's own; a script can read
    $STABBENCH_SEED and $STABBENCH_OUT in their place. In that folder is read what is there: stabbench.json, the files
    of Hugging Face's Trainer, or predictions (docs/own-code.md). A seed that is recorded is not run again; what breaks
    is tried at the next start, and the exit status is 1. Another command under another --strategy stands beside it in
    the table.

    \b
    Examples:
      stabbench run --seeds 1-25 -- python train.py --seed {seed} --output_dir {out}
      stabbench run --seeds 1-25 --strategy warm --task rte --majority .527 -- python train.py {seed} {out} --warmup .1
    """
    from stabbench.commands.sweep import Sweep, run_seeds
    from stabbench.config import parse_seeds
    from stabbench.execution.settings import Settings
    from stabbench.folders import Folders
    from stabbench.project.reporting import report
    from stabbench.recording.standalone import Names
    from stabbench.records import Store
    from stabbench.signals import deferred_signals

    sweep = Sweep(command, Names(model, task, strategy), Path.cwd(), metric, majority, time_limit, files)
    settings = Settings.from_environment(workers=workers)
    wanted, errors, others, ended = parse_seeds(seeds), 0, 0, 0
    before = sum(map(sweep.recorded, wanted))
    with deferred_signals():
        for ran in run_seeds(sweep, wanted, settings.workers, lambda text: click.echo(text, err=True)):
            ended += 1
            if ran.status == "error":
                errors += 1
                click.echo(f"error: seed {ran.seed}: {ran.message}\n{_indented(ran.output)}", err=True)
            elif ran.status is None:
                others += 1
            else:
                click.echo(f"seed {ran.seed}: {ran.status}, {ran.score:.4g}")
    if ended < len(wanted) - before:
        count = len(wanted) - before - ended
        click.echo(f"{count} of the seeds were not begun, as what the first ones left cannot be read", err=True)
    if others and not all(map(sweep.recorded, wanted)):
        click.echo(f"{others} seeds are run by another process: start again to see them", err=True)
    folders = Folders.of(reports=reports)
    store = Store(sweep.place.store.root, warn=options.warn)
    if any(folders.runs.glob("*/*/*/seed-*")):
        made = report(folders, store, incomplete=True, workers=settings.workers)
        click.echo(made.comparison)
        click.echo(made.comparison.to_markdown(), nl=False)
        click.echo(f"what the commands left: {sweep.folder(wanted[0]).parent}")
        click.echo(f"wrote {made.page}")
    else:
        click.echo("no run has come to its end, so there is no report", err=True)
    if errors:
        raise click.exceptions.Exit(1)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
