"""`stabbench seeds`: how many seeds are needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from stabbench.cli import options
from stabbench.cli.results import NAMES, reading
from stabbench.folders import Folders


@click.command()
@click.argument("results", required=False, type=click.Path(path_type=Path))
@click.option(
    "--margin-mean",
    type=float,
    metavar="X",
    help="How well a mean score is to be known: ± X, as scores are; 0.01 is 1.0 in the tables, which are × 100.",
)
@click.option(
    "--margin-failed", type=float, metavar="SHARE", help="How well a share of failed runs is to be known: ± 0.1."
)
@click.option(
    "--std-ratio", type=float, metavar="R", help="Two standard deviations that are to be told apart, R to 1: 2."
)
@click.option("--power", type=float, default=0.8, show_default=True, help="With what probability they are to be.")
@click.option(
    "--alpha",
    type=float,
    default=0.05,
    show_default=True,
    help="The level of that test; intervals have the confidence 1 − α.",
)
@click.option(
    "--pilot-confidence",
    "confidence",
    type=float,
    default=0.8,
    show_default=True,
    help="Confidence of the pilot's upper limits, from which seeds are planned.",
)
@click.option("--model", "models", multiple=True, help="The cells of this model alone; can be given again.")
@click.option("--task", "tasks", multiple=True, help="The same of a task.")
@click.option("--strategy", "strategies", multiple=True, help="The same of a strategy.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@options.runs
@options.folder("plan", "The planned cells.")
@options.store
@reading
def seeds(
    results: Path | None,
    models: tuple[str, ...],
    tasks: tuple[str, ...],
    strategies: tuple[str, ...],
    as_json: bool,
    runs: Path,
    plan: Path,
    store: Path,
    **settings: Any,
) -> None:
    """Say how many seeds a wanted margin needs, by the runs that there are as a pilot (docs/seeds.md).

    The pilot is the runs of the project, as `stabbench report` reads them, or those of RESULTS, whatever `stabbench
    compare` reads. Not its std counts but the upper confidence limit of it, and never its observed power.

    \b
    Examples:
      stabbench seeds --margin-mean .01 --task rte
      stabbench seeds results.csv --majority rte=0.527 --margin-failed .1 --std-ratio 2
    """
    from stabbench.analysis.seeds_needed import Wanted
    from stabbench.errors import UserError
    from stabbench.project.checking import Choice, project_source, results_source
    from stabbench.project.seeds import seeds as needed

    how = {name: settings.pop(name) for name in NAMES}
    wanted = Wanted(**settings)
    context = click.get_current_context()
    given = [name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    for name in given:
        if name in (NAMES if results is None else ("runs", "plan", "store")):
            what, expected = ("a file is", "RESULTS") if results is None else ("a project's runs are", "no RESULTS")
            raise UserError(f"--{name.replace('_', '-')} says how {what} read, expected {expected} beside it")
    if results is None:
        source = project_source(Folders.of(runs=runs, plan=plan), options.open_store(store))
    else:
        source = results_source(results, **how)
    answer = needed(source, wanted, Choice(models, tasks, strategies))
    for note in answer.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(json.dumps(answer.to_dict(), indent=2, ensure_ascii=False) if as_json else answer)
