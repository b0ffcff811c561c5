"""`stabbench badge`: how stable one cell is, for a README."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stabbench.cli import options
from stabbench.cli.results import check_reading, reading, source_of
from stabbench.folders import Folders


@click.command()
@click.argument("results", required=False, type=click.Path(path_type=Path))
@click.option("--model", "models", multiple=True, help="The model, where there are several.")
@click.option("--task", "tasks", multiple=True, help="The task, where there are several.")
@click.option("--strategy", "strategies", multiple=True, help="The strategy.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("stability.svg"),
    show_default=True,
    help="The SVG; the JSON of shields.io's endpoint badge lies beside it.",
)
@options.runs
@options.folder("plan", "The planned cells.")
@options.store
@reading
def badge(
    results: Path | None,
    models: tuple[str, ...],
    tasks: tuple[str, ...],
    strategies: tuple[str, ...],
    out: Path,
    runs: Path,
    plan: Path,
    store: Path,
    **how: Any,
) -> None:
    """Write a badge of one cell, `stability: 25 seeds · std 1.6 · 0 failed`: an SVG, and its text as JSON.

    Of the project's runs, or of those of RESULTS, whatever `stabbench compare` reads. It is green where no run failed,
    yellow where some did, red where more than half did, and grey under 10 seeds or where nobody says which failed.

    \b
    Examples:
      stabbench badge --strategy mosbach --task rte
      stabbench badge results.csv --strategy mosbach --task rte --majority rte=0.527 --out docs/stability.svg
    """
    from stabbench.errors import UserError
    from stabbench.files import check_writable, write_text
    from stabbench.publishing import badge_of

    if out.suffix != ".svg":
        raise UserError(f"found --out {out}, expected a file that ends in .svg")
    check_reading(results)
    check_writable(out.parent)
    source = source_of(results, Folders.of(runs=runs, plan=plan), store, how)
    made = badge_of(source, models, tasks, strategies)
    endpoint = out.with_suffix(".json")
    write_text(out, made.svg())
    write_text(endpoint, made.endpoint())
    click.echo(made.message)
    click.echo(f"wrote {out} and {endpoint}")
