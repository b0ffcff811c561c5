"""The report of a project: tables, figures, metrics and the page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stabbench.config import missing_dependencies, plugin_files
from stabbench.config.blocks import kind_of
from stabbench.files import check_writable
from stabbench.folders import Folders
from stabbench.project.chapters import gathered, probe_sections, reported, settings_of, study_sections
from stabbench.project.selection import select_planned
from stabbench.records import Store
from stabbench.report.build import Progress, build, silent
from stabbench.report.comparison import Comparison
from stabbench.report.summary import summary
from stabbench.signals import status_when_stopped


@dataclass(frozen=True, repr=False)
class Report:
    """What was written, and the comparison of strategies that it shows."""

    page: Path
    """index.html, beside it metrics.json, tables/, figures/, studies/ and plots/."""
    comparison: Comparison
    warning: str | None = None
    """What dvc.yaml does not watch of what the report is made with."""

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON has it: where the page is, and what `Comparison.to_dict` says."""
        return {"page": str(self.page), **self.comparison.to_dict()}

    def __str__(self) -> str:
        return f"wrote {self.page}\n{self.comparison}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.comparison._repr_html_()


def report(
    folders: Folders,
    store: Store,
    *,
    incomplete: bool = False,
    provenance: bool = False,
    workers: int = 1,
    progress: Progress = silent,
) -> Report:
    """Make the report of the selected records in `folders.reports`; `workers` processes draw, this one among them.

    Without params.yaml it is that of whatever `folders.runs` holds, with the usual settings.
    """
    config = reported(folders)
    settings = settings_of(folders, config, incomplete=incomplete)
    settings["provenance"] |= provenance
    select_planned(folders, store)
    check_writable(folders.reports)
    with status_when_stopped(lambda: f"{folders.reports} is not complete"):
        content = build(
            folders.runs,
            folders.reports,
            workers=workers,
            progress=progress,
            sections=lambda content: [
                *study_sections(folders, config, content, incomplete=incomplete),
                *probe_sections(folders, config, content, incomplete=incomplete),
            ],
            **settings,
        )
    kinds = [kind_of("study", *block) for block in config.studies.items()]
    kinds += [kind_of("probe", *block) for block in config.probes.items()]
    unwatched = missing_dependencies(folders.params, "report", plugin_files(kinds))
    return Report(folders.reports / "index.html", Comparison(content, ()), unwatched)


def summarised(folders: Folders, store: Store, *, incomplete: bool = False) -> str:
    """The answer, a table and the warnings as Markdown."""
    config = reported(folders)
    select_planned(folders, store)
    return summary(gathered(folders, config, incomplete=incomplete))
