"""The chapters of studies and probes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from stabbench.analysis.frame import check_complete
from stabbench.config import Config, PlannedSeeds, load
from stabbench.config.schema import Grid
from stabbench.errors import UserError
from stabbench.folders import Folders
from stabbench.probes import probe_section
from stabbench.records import Selection
from stabbench.report.content import Content, Settings, gather
from stabbench.report.figures.drawing import style
from stabbench.report.section import Section, write_section
from stabbench.studies import studies_of


def reported(folders: Folders) -> Config:
    """What params.yaml says; where there is none and `runs/` holds recorded runs, the usual settings of a report."""
    recorded = not folders.params.exists() and any(folders.runs.glob("*/*/*/cell.json"))
    return _NOTHING_PLANNED if recorded else load(folders.params)


_NOTHING_PLANNED = Config.model_construct(
    grid=Grid.model_construct(models=(), tasks=(), strategies=()),
    seeds=PlannedSeeds(),
    models={},
    tasks={},
    strategies={},
)


def study_sections(folders: Folders, config: Config, content: Content, *, incomplete: bool) -> list[Section]:
    """The chapter of every study of params.yaml whose records are there, in its order.

    Raises UserError where runs are missing, unless `incomplete` is set: then their studies are left out.
    """
    found = []
    for entry in studies_of(config, folders.root):
        try:
            selection = Selection.read(folders.studies / entry.name, plan=folders.study_plans / entry.name, files=False)
            check_complete(selection)
        except UserError as error:
            if not incomplete:
                raise UserError(f"study {entry.name}: {error}\nOr: stabbench study {entry.name}") from error
            continue
        found.append(entry.plugin.section(entry.name, entry.options, selection, content))
    return found


def probe_sections(folders: Folders, config: Config, content: Content, *, incomplete: bool) -> list[Section]:
    """The chapter of every probe of params.yaml that has been measured, in its order.

    Raises UserError where one has not, unless `incomplete` is set: then it is left out.
    """
    return [
        probe_section(folders.probes / name, content, folders.root)
        for name in config.probes
        if not incomplete or (folders.probes / name / "probe.json").exists()
    ]


def settings_of(folders: Folders, config: Config, *, incomplete: bool) -> Settings:
    """How params.yaml wants the main grid's records read and reported."""
    return {"plan": folders.planned, "incomplete": incomplete, **config.report.model_dump()}  # type: ignore[typeddict-item]


def gathered(folders: Folders, config: Config, *, incomplete: bool) -> Content:
    """What the main grid's records say, as params.yaml wants it reported."""
    return gather(folders.runs, **settings_of(folders, config, incomplete=incomplete))


def write_chapter(
    folders: Folders, config: Config, name: str, make: Callable[[Content], Section]
) -> tuple[Section, Path] | None:
    """Write the chapter of one study or probe into a folder of the report; None where the main grid has no runs yet."""
    if not any(folders.runs.glob("*/*/*/cell.json")):
        return None
    content = gathered(folders, config, incomplete=True)
    out = folders.chapters / name
    with style():
        section = make(content)
    write_section(section, out)
    return section, out
