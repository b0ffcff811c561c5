"""Brings one experiment up to date with what a project has: what is there is left, what lacks is logged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Run

from stabbench.analysis import frame, stability
from stabbench.analysis.scoring import Scoring
from stabbench.analysis.seed_sanity import seedless_records
from stabbench.records import Selection, Store
from stabbench.tracking.cell_runs import CellRuns
from stabbench.tracking.cells import CURRENT, SUMMARY, figures_of, summary
from stabbench.tracking.entries import Entry, entries, marks
from stabbench.tracking.experiment import Experiment, oldest_whole_first, whole
from stabbench.tracking.outcome import TrackingOutcome
from stabbench.tracking.parts import Page, Part, chapter, flat, probe_page
from stabbench.tracking.runs import CELL, KIND, PART, PROBE, STUDY, run_span
from stabbench.tracking.server import UnreachableError, connected, first_line, refusal
from stabbench.tracking.view import save_view, view_url

PAGE = "stabbench.page"


def wanted(runs: Path, studies: Sequence[Part], probes: Sequence[Part]) -> tuple[list[Entry], list[Page]]:
    """All that an experiment is to show: cells, the grid's first, and the runs of studies and probes.

    Studies and probes that have left nothing are left out. UserError for unreadable files.
    """
    known: set[str] = set()
    grid = Selection.read(runs)
    found, pages = entries(grid, _table(grid), None, known), []
    for part in studies:
        if part.there:
            selection = Selection.read(part.folder)
            own = entries(selection, _table(selection), part.name, known)
            found += own
            pages += [_study_page(part, own)] if any(entry.selected.records for entry in own) else []
    pages += [probe_page(part) for part in probes if part.there]
    return found, pages


def update(
    outcome: TrackingOutcome,
    cells: Sequence[Entry],
    pages: Sequence[Page],
    figures: Path | None,
    store: Store | None,
    models: bool,
    progress: Callable[[int, int], None],
) -> TrackingOutcome:
    """As `stabbench.tracking.bring_up_to_date`, with a tracking URI that is settled."""
    uri = outcome.uri
    outcome.missing = [entry.run_name(seed) for entry in cells for seed in entry.own]
    try:
        with connected(uri) as client:
            experiment = Experiment(client, uri, outcome.experiment)
            parents = _parents(experiment, {entry.key for entry in cells} | {page.key for page in pages})
            work = CellRuns(experiment, outcome, cells, marks(cells), store, models, progress)
            above = {
                (page.kind, page.name): work.attempt(
                    f"{page.kind} {page.name}", _page, experiment, outcome, page, parents[page.key]
                )
                for page in pages
            }
            for entry in cells:
                shown = figures_of(entry.cell, figures) if entry.study is None else {}
                run = None if entry.study is None else above.get(("study", entry.study))
                work.cell(entry, parents[entry.key], summary(entry, shown), run)
            save_view(client, experiment.id, experiment.tags)
            outcome.url = view_url(uri, experiment.id)
    except UnreachableError as error:
        outcome.problem, outcome.remedy = str(error), error.remedy
    except Exception as error:  # whatever MLflow raises: the records are whole, and the next call goes on from here
        known = refusal(error, uri)
        outcome.problem, outcome.remedy = (first_line(error), "") if known is None else (str(known), known.remedy)
    return outcome


def _parents(experiment: Experiment, keys: Collection[str]) -> dict[str, list[Run]]:
    """The runs of cells, studies and probes by key; those whose keys are no longer wanted are marked so."""
    found: dict[str, list[Run]] = defaultdict(list)
    for run in sorted(experiment.parents(), key=oldest_whole_first):
        key = run.data.tags.get(CELL) or run.data.tags.get(PAGE)
        if key is None:  # somebody else's
            continue
        found[key].append(run)
        if key not in keys:
            experiment.set_tags(run, {CURRENT: "false"})
    return found


def _page(experiment: Experiment, outcome: TrackingOutcome, page: Page, found: Sequence[Run]) -> Run:
    """The run of a study or probe: the one that shows just this, else a new one in the place of what there is."""
    digest = page.digest()
    valid = [run for run in found if whole(run) and run.data.tags.get(SUMMARY) == digest]
    run = valid[0] if valid else _log_page(experiment, page, digest)
    outcome.pages += not valid
    experiment.set_tags(run, {CURRENT: "true"})
    experiment.delete([other for other in found if other is not run])
    return run


def _log_page(experiment: Experiment, page: Page, digest: str) -> Run:
    tags = {
        **page.tags,
        "mlflow.runName": f"{page.kind} {page.name}",
        "mlflow.source.name": "stabbench",
        "mlflow.note.content": page.text,
        KIND: page.kind,
        PART: page.kind,
        STUDY if page.kind == "study" else PROBE: page.name,
        PAGE: page.key,
        CURRENT: "true",
        SUMMARY: digest,
    }
    run = experiment.create(tags, page.start)
    experiment.log(run, [Metric(key, value, page.end, 0) for key, value in page.metrics.items()], page.parameters)
    experiment.attach(run, page.files)
    experiment.finish(run.info.run_id, page.end)
    return run


def _study_page(part: Part, found: Sequence[Entry]) -> Page:
    """The run above a study's cells."""
    records = [record for entry in found for record in entry.selected.records.values()]
    spans = [run_span(record, record.provenance()) for record in records]
    metrics = {
        "cells": len(found),
        "runs": len({record.fingerprint for record in records}),
        "shared_runs": sum(entry.shared for entry in found),
    }
    files, text = chapter(part)
    start, end = min(span.start for span in spans), max(span.end for span in spans)
    return Page("study", part.name, flat(part.options), metrics, {}, files, start, end, text)


def _table(selection: Selection) -> dict[tuple[str, str, str], Mapping[str, Any]]:
    runs = frame(selection)
    lower = Scoring.of_cells(item.cell for item in selection.cells).lower
    table = stability(runs, lower=lower, seedless=seedless_records(runs, selection))
    rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    return {(row["model"], row["task"], row["strategy"]): row for row in rows}
