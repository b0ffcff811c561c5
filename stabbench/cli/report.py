"""`stabbench report`: tables, figures, metrics and the page."""

from __future__ import annotations

import json
from pathlib import Path

import click

from stabbench.cli import options
from stabbench.folders import Folders


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["folder", "md"]),
    default="folder",
    show_default=True,
    help="folder: all files; md: a summary for a pull request, printed.",
)
@click.option("--incomplete", is_flag=True, help="Make it although runs are missing; the tables show n = 23/25.")
@click.option("--json", "as_json", is_flag=True, help="Print all numbers as one JSON object.")
@options.folder("reports", "The folder to write.", flag="out")
@click.option(
    "--provenance",
    is_flag=True,
    help="With commits, dates, devices and measured times, which another training of the same runs changes.",
)
@options.runs
@options.store
@options.params
def report(
    form: str,
    incomplete: bool,
    as_json: bool,
    reports: Path,
    provenance: bool,
    runs: Path,
    store: Path,
    params: Path,
) -> None:
    """Make index.html, metrics.json, tables (Markdown, LaTeX, CSV) and figures (SVG, PNG) from the records.

    Only the records are read: no data, no model, no torch. The same results give the same files. What the store has of
    the plan and runs/ lacks, as after `stabbench train --all`, is put there first.

    \b
    Examples:
      stabbench report
      stabbench report --incomplete --out draft
      stabbench report --json | jq .tests
      stabbench report --format md | gh pr comment --body-file -
    """
    from stabbench.cli.progress import watch_parts
    from stabbench.execution.settings import available_cores
    from stabbench.project.reporting import report as make_report
    from stabbench.project.reporting import summarised

    if as_json and form == "md":
        raise click.UsageError("--json prints numbers, and --format md prints Markdown: leave one of them out")
    folders = Folders.of(reports=reports, runs=runs, params=params)
    records = options.open_store(store)
    options.warn_of_stale_plan(folders)
    if form == "md":
        click.echo(summarised(folders, records, incomplete=incomplete), nl=False)
        return
    with watch_parts("report") as progress:
        made = make_report(
            folders,
            records,
            incomplete=incomplete,
            provenance=provenance,
            workers=available_cores(),
            progress=progress,
        )
    click.echo(json.dumps(made.to_dict(), indent=2, ensure_ascii=False) if as_json else f"wrote {made.page}")
    options.warn(made.warning)
