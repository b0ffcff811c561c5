"""`stabbench check`: a gate for CI."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stabbench.cli import options
from stabbench.cli.results import NAMES, check_reading, reading, source_of
from stabbench.folders import Folders


@click.command()
@click.argument("results", required=False, type=click.Path(path_type=Path))
@click.option("--max-failed", type=float, metavar="SHARE", help="The largest share of failed runs in a cell: 0.1.")
@click.option(
    "--max-std",
    type=float,
    metavar="X",
    help="The largest standard deviation of a cell, as the scores are: 0.03 is 3.0 in the tables, which are × 100.",
)
@click.option(
    "--not-less-stable-than",
    metavar="NAME",
    help="The strategy than which none may spread significantly more or fail significantly more often.",
)
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The tables/scores.csv of another report, such as main's: NAME's runs are those of this file; without NAME "
    "each cell is held against its own there.",
)
@click.option(
    "--alpha",
    type=float,
    default=0.05,
    show_default=True,
    help="The level of significance of all tests together (Holm).",
)
@click.option("--strict", is_flag=True, help="What cannot be tested, as with fewer than 10 seeds, fails too.")
@click.option("--incomplete", is_flag=True, help="Planned runs may be missing.")
@click.option("--model", "models", multiple=True, help="Check the cells of this model alone; can be given again.")
@click.option("--task", "tasks", multiple=True, help="The same of a task.")
@click.option("--strategy", "strategies", multiple=True, help="The same of a strategy.")
@click.option(
    "--markdown",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write the verdict as Markdown, for a comment on a pull request.",
)
@options.runs
@options.folder("plan", "The planned cells.")
@options.store
@reading
def check(
    results: Path | None,
    against: Path | None,
    models: tuple[str, ...],
    tasks: tuple[str, ...],
    strategies: tuple[str, ...],
    markdown: Path | None,
    runs: Path,
    plan: Path,
    store: Path,
    **settings: Any,
) -> None:
    """Exit with 1 and the reasons where a cell is not as stable as it has to be (docs/ci.md).

    Checked are the runs of the project, as `stabbench report` reads them, or those of RESULTS, a file that `stabbench
    compare` reads, such as reports/tables/scores.csv: this needs no records, no model and no torch. The options from
    --columns on say how RESULTS and FILE are read; a scores.csv needs none.

    \b
    Examples:
      stabbench check --max-failed .1
      stabbench check --not-less-stable-than mosbach --task rte
      stabbench check reports/tables/scores.csv --max-failed .1 --against main.csv
    """
    from stabbench.files import write_text
    from stabbench.project.checking import Choice, results_source
    from stabbench.project.checking import check as judge
    from stabbench.report.gate_limits import Limits

    check_reading(results, against, file="RESULTS or --against FILE")
    how = {name: settings.pop(name) for name in NAMES}
    limits = Limits(**settings, against=against is not None)
    source = source_of(results, Folders.of(runs=runs, plan=plan), store, how)
    verdict = judge(
        source,
        limits,
        Choice(models, tasks, strategies),
        None if against is None else results_source(against, **how),
    )
    for note in verdict.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(verdict)
    if markdown is not None:
        write_text(markdown, verdict.to_markdown())
    if not verdict.passed:
        raise click.exceptions.Exit(1)
