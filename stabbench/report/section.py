"""A chapter of the report beyond the main table: what to look for, what was found, figures, tables and data."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from stabbench.files import write_json, write_text
from stabbench.report.figures.drawing import style
from stabbench.report.figures.rendering import save
from stabbench.report.making import Grid

RESULTS, CAUSES, STUDIES, MAKING = "results", "causes", "studies", "making"
PARTS = {
    RESULTS: "Results",
    CAUSES: "Why runs fail",
    STUDIES: "Studies and probes",
    MAKING: "How it was made",
}
"""The parts of the page in their order, with their titles."""


@dataclass(frozen=True)
class SectionFigure:
    """A figure of a section: `stem` names its files, `description` says in words what it shows."""

    stem: str
    figure: Figure
    description: str
    heading: str = ""
    """Stands above it on the page, where a section has several."""
    data: str = ""
    """The section's table that it shows; where none is named, what is drawn is its data."""


@dataclass(frozen=True)
class Section:
    """One analysis. `name` is its folder below `reports/studies/`, its anchor on the page and its block's name.

    `looks_for` says what to look for (with the paper's figure or table), `found` what was found, in numbers. Where
    there is nothing to show, `found` says why and there are no figures.
    """

    name: str
    title: str
    looks_for: str
    found: Sequence[str]
    part: str = STUDIES
    """The part of the page it belongs to: one of `PARTS`."""
    figures: Sequence[SectionFigure] = ()
    tables: Sequence[tuple[str, Grid]] = ()
    """(caption, table)."""
    data: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """Each is written as `<name>.csv`."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """The numbers behind `found`, written as `facts.json`."""


def write_sections(sections: Sequence[Section], folder: Path) -> None:
    """Make `folder` hold exactly these sections: a folder each with data (CSV, JSON) and figures (SVG, PNG)."""
    for stale in folder.glob("*"):
        if stale.is_dir() and stale.name not in {section.name for section in sections}:
            shutil.rmtree(stale)
    for section in sections:
        write_section(section, folder / section.name)


def write_section(section: Section, folder: Path) -> None:
    """Make `folder` hold exactly this section's files."""
    files = {f"{figure.stem}.{kind}" for figure in section.figures for kind in ("svg", "png")}
    files |= {"facts.json", *(f"{name}.csv" for name in section.data)}
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.iterdir():
        if stale.name not in files:
            stale.unlink()
    for name, table in section.data.items():
        write_text(folder / f"{name}.csv", table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    write_json(folder / "facts.json", {"title": section.title, "found": list(section.found), **section.facts})
    with style():
        for figure in section.figures:
            save(figure.figure, folder / figure.stem)
