"""One probe: what it measures on trained weights, and its chapter."""

from __future__ import annotations

from pathlib import Path

from stabbench.config import load, missing_dependencies, plugin_files
from stabbench.execution.settings import Settings
from stabbench.files import check_writable
from stabbench.folders import Folders
from stabbench.probes import Measurement, ProbeContext, probe_named, probe_section
from stabbench.probes.contract import Progress, write_measurement
from stabbench.project.chapters import write_chapter
from stabbench.project.selection import select_planned
from stabbench.records import Selection, Store
from stabbench.records.dead_weights import DeadWeightsError
from stabbench.report.section import Section


def measure(
    name: str,
    folders: Folders,
    store: Store,
    settings: Settings,
    progress: Progress = lambda what, done, total: None,
) -> Measurement:
    """Measure what a probe of params.yaml asks for, and put it into its folder."""
    out = folders.probes / name
    check_writable(out)
    entry = probe_named(load(folders.params), name, folders.root)
    select_planned(folders, store)
    selection = Selection.read(folders.runs, plan=folders.planned)
    context = ProbeContext(selection, folders.runs, store, settings, folders.root, progress)
    try:
        found = entry.plugin.measure(entry.options, context)
    except DeadWeightsError as error:
        found = Measurement(reason=f"{error}.")
    write_measurement(out, entry.kind, entry.options, found)
    return found


def probe_chapter(name: str, folders: Folders) -> tuple[Section, Path] | None:
    """Write a probe's chapter; None where the main grid has no runs yet."""
    config = load(folders.params)
    return write_chapter(
        folders, config, name, lambda content: probe_section(folders.probes / name, content, folders.root)
    )


def unwatched(name: str, folders: Folders) -> str | None:
    """A sentence where dvc.yaml does not watch the file that a probe is in."""
    kind = probe_named(load(folders.params), name, folders.root).kind
    return missing_dependencies(folders.params, "probe", plugin_files([kind]))
