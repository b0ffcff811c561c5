"""`stabbench status`: what is done, failed, broken and missing, cell by cell."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stabbench.cli import options

if TYPE_CHECKING:
    from stabbench.plan import Cell

STATES = {"ok": "done", "failed": "failed", "diverged": "diverged", "error": "error", "missing": "missing"}
"""Columns of the table by the status of a record; a run without a readable record is missing."""
COLUMNS = ("model", "task", "strategy", "seeds", *STATES.values())


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON list of cells.")
@click.option(
    "--plan",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("plan"),
    show_default=True,
    help="The planned cells.",
)
@options.runs
@options.store
def status(as_json: bool, plan: Path, runs: Path, store: Path) -> None:
    """Show how many runs of each cell are done, failed, diverged, broken by an error, and missing.

    A failed run ended no better than the best constant classifier; an error is a program that broke, and its run is
    tried again at the next start. Without a terminal the table is tab-separated.

    \b
    Examples:
      stabbench status
      stabbench status --json | jq '.[] | select(.missing > 0)'
    """
    from stabbench.plan import read_plan

    rows = [_row(cell, store, runs) for cell in read_plan(plan)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif sys.stdout.isatty():
        _print_table(rows)
    else:
        for line in [COLUMNS, *(tuple(row[column] for column in COLUMNS) for row in rows)]:
            click.echo("\t".join(str(value) for value in line))


def _row(cell: Cell, store: Path, runs: Path) -> dict[str, Any]:
    states = Counter(STATES[_state(cell, seed, store, runs)] for seed in cell.seeds)
    names = {"model": cell.model, "task": cell.task, "strategy": cell.strategy}
    return {**names, "seeds": len(cell.seeds), **{state: states[state] for state in STATES.values()}}


def _state(cell: Cell, seed: int, store: Path, runs: Path) -> str:
    from stabbench.records import Record, Store, UnreadableRecordError, seed_folder

    fingerprint = cell.fingerprint(seed)
    selected = runs / cell.model / cell.task / cell.strategy / seed_folder(seed)
    for folder in (Store(store).folder(fingerprint), selected):
        try:
            record = Record.read(folder, verify=False)
        except UnreadableRecordError:
            continue
        if record.fingerprint == fingerprint:
            return record.status
    return "missing"


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

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
