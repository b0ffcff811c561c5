"""A chapter of the report: what to look for, what was found, figures, tables and data."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from stabbench.analysis.manifest import ENDINGS, FigureFile, write_manifest
from stabbench.analysis.place import Place
from stabbench.files import write_json, write_text
from stabbench.report.figures.rendering import save
from stabbench.report.grid import Grid

RESULTS, CAUSES, STUDIES, MAKING = "results", "causes", "studies", "making"
PARTS = {RESULTS: "Results", CAUSES: "Why runs fail", STUDIES: "Studies and probes", MAKING: "How it was made"}
"""The parts of the page in their order, with their titles."""
FIGURES = "figures"
"""The folder, below a report, of the figures of all sections that have none of their own."""


@dataclass(frozen=True)
class Data:
    """A table that a figure of the page carries, as `<name>.csv`."""

    name: str
    table: pd.DataFrame
    digits: int = 6
    file: str = ""
    """Where the report has it as a file too; what is too long for the page is a link to there."""


@dataclass(frozen=True)
class SectionFigure:
    """A figure of a section: `stem` names its files, `description` says in words what it shows."""

    stem: str
    figure: Figure
    description: str
    data: str | Data
    """What it shows: one of the section's tables by its name, or a table that the page alone has."""
    place: Place | None = None
    """What it is about, where that is one model and task or one cell."""
    heading: str = ""
    """Stands above it on the page, where a section has several."""
    name: str = ""
    """Keeps the ids of several figures of the page apart, where the section's name and its `stem` are not to."""

    @classmethod
    def of_place(
        cls, kind: str, place: Place, drawn: tuple[Figure, pd.DataFrame], description: str, heading: str = ""
    ) -> SectionFigure:
        """A figure about a model and task, drawn with the table of what it shows: both are called after the place."""
        figure, table = drawn
        stem = f"{kind}-{place.stem}"
        return cls(stem, figure, description, Data(stem, table), place, heading)


class SavedFigure(NamedTuple):
    """A figure as files, SVG and PNG."""

    stem: str
    figure: Figure
    place: Place | None = None


@dataclass(frozen=True)
class Section:
    """One chapter. `name` is its anchor on the page, and its folder below `reports/studies/` unless it has a `block`.

    `looks_for` says what to look for (with the paper's figure or table), `found` what was found, in numbers. Where
    there is nothing to show, `found` says why and there are no figures.
    """

    name: str
    title: str
    looks_for: str = ""
    found: Sequence[str] = ()
    part: str = STUDIES
    """The part of the page it belongs to: one of `PARTS`."""
    figures: Sequence[SectionFigure] = ()
    files: Sequence[SavedFigure] | None = None
    """Its figures as files, where they are others than those of the page."""
    tables: Sequence[tuple[str, Grid]] = ()
    """(caption, table)."""
    data: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """Each is written as `<name>.csv`."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """The numbers behind `found`, written as `facts.json`."""
    block: Mapping[str, Any] | None = None
    """What a template of its own, `sections/<name>.html.j2`, shows in place of all that. Its figures are in `FIGURES`,
    its numbers are the report's own tables."""

    @property
    def folder(self) -> str:
        """Where its files are, below the report."""
        return f"studies/{self.name}" if self.block is None else FIGURES

    @property
    def saved(self) -> Sequence[SavedFigure]:
        """The figures that are files."""
        if self.files is not None:
            return self.files
        return [SavedFigure(item.stem, item.figure, item.place) for item in self.figures]


def write_sections(sections: Sequence[Section], out: Path) -> None:
    """Make `figures/` and `studies/` in `out` hold the files of these sections and none of an older report's."""
    own = [section for section in sections if section.block is None]
    for facts in (out / "studies").glob("*/facts.json"):
        if facts.parent.name not in {section.name for section in own}:
            shutil.rmtree(facts.parent)
    for section in own:
        write_section(section, out / section.folder)
    shared = [(section, item) for section in sections if section.block is not None for item in section.saved]
    _save([item for _, item in shared], out / FIGURES)
    write_manifest(out / FIGURES, [FigureFile(item.stem, section.name, item.place) for section, item in shared])


def write_section(section: Section, folder: Path) -> None:
    """Make `folder` hold exactly this section's files: data (CSV, JSON) and figures (SVG, PNG)."""
    files = {f"{figure.stem}.{ending}" for figure in section.saved for ending in ENDINGS}
    files |= {"facts.json", *(f"{name}.csv" for name in section.data)}
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.iterdir():
        if stale.name not in files:
            stale.unlink()
    for name, table in section.data.items():
        write_text(folder / f"{name}.csv", table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    write_json(folder / "facts.json", {"title": section.title, "found": list(section.found), **section.facts})
    _save(section.saved, folder)


def _save(figures: Sequence[SavedFigure], folder: Path) -> None:
    for figure in figures:
        save(figure.figure, folder / figure.stem)
