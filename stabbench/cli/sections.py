"""The chapters of studies and probes, for the commands that write a report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from stabbench.config import Config
    from stabbench.report.content import Content
    from stabbench.report.section import Section


def study_sections(config: Config, content: Content, *, incomplete: bool) -> list[Section]:
    """The chapter of every study of params.yaml whose records are there, in its order.

    Raises UserError where runs are missing, unless `incomplete` is set: then their studies are left out.
    """
    from stabbench.analysis.frame import check_complete
    from stabbench.errors import UserError
    from stabbench.records import Selection
    from stabbench.studies import studies_of

    found = []
    for entry in studies_of(config):
        try:
            selection = Selection.read(
                Path("studies") / entry.name, plan=Path("plan") / "studies" / entry.name, files=False
            )
            check_complete(selection)
        except UserError as error:
            if not incomplete:
                raise UserError(f"study {entry.name}: {error}\nOr: stabbench study {entry.name}") from error
            continue
        found.append(entry.plugin.section(entry.name, entry.options, selection, content))
    return found


def probe_sections(config: Config, content: Content, *, incomplete: bool) -> list[Section]:
    """The chapter of every probe of params.yaml that has been measured, in its order.

    Raises UserError where one has not, unless `incomplete` is set: then it is left out.
    """
    from stabbench.probes import probe_section

    folders = [Path("probes") / name for name in config.probes]
    return [probe_section(folder, content) for folder in folders if not incomplete or (folder / "probe.json").exists()]


def write_chapter(config: Config, name: str, make: Callable[[Content], Section]) -> None:
    """Write the chapter of one study or probe to reports/studies/<name>/ and print what was found.

    Where the main grid has no runs yet, it says that `stabbench report` will do so.
    """
    from stabbench.report.content import gather
    from stabbench.report.figures.drawing import style
    from stabbench.report.section import write_section

    if not any(Path("runs").glob("*/*/*/cell.json")):
        click.echo(f"no runs of the main grid yet: `stabbench report` writes the chapter of {name}")
        return
    planned = Path("plan") if Path("plan").is_dir() else None
    settings = config.report
    content = gather(
        Path("runs"),
        plan=planned,
        incomplete=True,
        levene_center=settings.levene_center,
        alpha=settings.alpha,
        order=settings.order,
    )
    out = Path("reports") / "studies" / name
    with style():
        section = make(content)
    write_section(section, out)
    for text in section.found:
        click.echo(text)
    click.echo(f"wrote {out}/")
