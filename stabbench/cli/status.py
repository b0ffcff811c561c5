"""`stabbench status`: what is done, failed, broken and missing, cell by cell."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stabbench.cli import options
from stabbench.folders import Folders

if TYPE_CHECKING:
    from stabbench.project.status import Status


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON list of cells.")
@options.folder("plan", "The planned cells.")
@options.runs
@options.store
def status(as_json: bool, plan: Path, runs: Path, store: Path) -> None:
    """Show how many runs of each cell are done, failed, diverged, broken by an error, and missing.

    A failed run ended no better than the best constant prediction; where nobody knows what that scores, a finished run
    is done. An error is a program that broke, and its run is tried again at the next start. Without a plan, as after
    `stabbench run`, the recorded cells are shown; without a terminal the table is tab-separated. How long the rest
    takes, by the runs that are done, is told on the error stream.

    \b
    Examples:
      stabbench status
      stabbench status --json | jq '.[] | select(.missing > 0)'
    """
    from stabbench.project.remaining import remaining
    from stabbench.project.status import status as find_status

    folders = Folders.of(plan=plan, runs=runs, store=store)
    options.warn_of_stale_plan(folders)
    found = find_status(folders)
    if as_json:
        click.echo(json.dumps(found.rows, indent=2))
    elif sys.stdout.isatty():
        _print_table(found)
    else:
        click.echo(found)
    if not as_json and (left := remaining(found.rows, folders)) is not None:
        click.echo(left, err=True)


def _print_table(status: Status) -> None:
    from rich.console import Console
    from rich.table import Table

    from stabbench.project.status import COLUMNS

    rows = status.rows
    table = Table(*COLUMNS[:3], box=None, header_style="bold", pad_edge=False)
    for column in COLUMNS[3:]:
        table.add_column(column, justify="right")
    colours = {"failed": "yellow", "diverged": "yellow", "error": "red", "missing": "cyan"}
    for row in rows:
        cells = [
            f"[{colours[column]}]{row[column]}[/]" if column in colours and row[column] else str(row[column])
            for column in COLUMNS
        ]
        table.add_row(*cells)
    table.add_section()
    table.add_row("all", "", "", *(str(sum(row[column] for row in rows)) for column in COLUMNS[3:]), style="bold")
    Console().print(table)
