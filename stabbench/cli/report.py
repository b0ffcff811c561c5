"""`stabbench report`: tables, figures, metrics and the page."""

from __future__ import annotations

from pathlib import Path

import click

from stabbench.cli import options


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
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    help="The folder to write.",
)
@click.option(
    "--provenance",
    is_flag=True,
    help="With commits, dates, devices and measured times, which another training of the same runs changes.",
)
@options.runs
@options.store
@options.params
def report(
    form: str, incomplete: bool, out: Path, provenance: bool, runs: Path, store: Path, params_file: Path
) -> None:
    """Make index.html, metrics.json, tables (Markdown, LaTeX, CSV) and figures (SVG, PNG) from the records.

    Only the records are read: no data, no model, no torch. The same results give the same files. What the store has of
    the plan and runs/ lacks, as after `stabbench train --all`, is put there first.

    \b
    Examples:
      stabbench report
      stabbench report --incomplete --out draft
      stabbench report --format md | gh pr comment --body-file -
    """
    from stabbench.cli.planned import select_planned
    from stabbench.cli.sections import probe_sections, study_sections
    from stabbench.config import load, plugin_files, unwatched
    from stabbench.config.blocks import kind_of
    from stabbench.execution.settings import available_cores
    from stabbench.files import check_writable
    from stabbench.report.build import build
    from stabbench.report.content import gather
    from stabbench.report.summary import summary
    from stabbench.stopping import standing

    config = load(params_file)
    settings = config.report
    select_planned(store, runs)
    planned = Path("plan") if Path("plan").is_dir() else None
    if form == "md":
        content = gather(
            runs,
            plan=planned,
            incomplete=incomplete,
            levene_center=settings.levene_center,
            alpha=settings.alpha,
            order=settings.order,
        )
        click.echo(summary(content), nl=False)
        return
    check_writable(out)
    with standing(lambda: f"{out} is not complete"):
        build(
            runs,
            out,
            plan=planned,
            incomplete=incomplete,
            levene_center=settings.levene_center,
            alpha=settings.alpha,
            order=settings.order,
            provenance=provenance or settings.provenance,
            workers=available_cores(),
            sections=lambda content: [
                *study_sections(config, content, incomplete=incomplete),
                *probe_sections(config, content, incomplete=incomplete),
            ],
        )
    click.echo(f"wrote {out / 'index.html'}")
    kinds = [kind_of("study", *block) for block in config.studies.items()]
    kinds += [kind_of("probe", *block) for block in config.probes.items()]
    options.warn(unwatched(params_file, "report", plugin_files(kinds)))
