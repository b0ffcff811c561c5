"""The chapters of studies and probes, for the commands that write a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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
            selection = Selection.read(Path("studies") / entry.name, plan=Path("plan") / "studies" / entry.name)
            check_complete(selection)
        except UserError as error:
            if not incomplete:
                raise UserError(f"study {entry.name}: {error}\nOr: stabbench study {entry.name}") from error
            continue
        found.append(entry.study.section(entry.name, entry.options, selection, content))
    return found
