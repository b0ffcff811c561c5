"""`stabbench report`: tables, figures, metrics and the page."""

from __future__ import annotations

from pathlib import Path

import click

from stabbench.cli import options


@click.command()
@click.option("--incomplete", is_flag=True, help="Make it although runs are missing; the tables show n = 23/25.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    help="The folder to write.",
)
@options.runs
@options.params
def report(incomplete: bool, out: Path, runs: Path, params_file: Path) -> None:
    """Make index.html, metrics.json, tables (Markdown, LaTeX, CSV) and figures (SVG, PNG) from the records.

    Only the records are read: no data, no model, no torch. The same records give the same files.

    \b
    Examples:
      stabbench report
      stabbench report --incomplete --out draft
    """
    from stabbench.cli.sections import probe_sections, study_sections
    from stabbench.config import load
    from stabbench.execution.settings import available_cores
    from stabbench.report.build import build

    config = load(params_file)
    settings = config.report
    planned = Path("plan") if Path("plan").is_dir() else None
    build(
        runs,
        out,
        plan=planned,
        incomplete=incomplete,
        levene_center=settings.levene_center,
        alpha=settings.alpha,
        workers=available_cores(),
        sections=lambda content: [
            *study_sections(config, content, incomplete=incomplete),
            *probe_sections(config, content, incomplete=incomplete),
        ],
    )
    click.echo(f"wrote {out / 'index.html'}")
