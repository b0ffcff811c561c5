"""One cell after the other: its parent run, a run a seed, their models, and then its numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

from mlflow.entities import Metric, Run

from stabbench.records import Record, Store
from stabbench.tracking.cells import CURRENT, REVISION, SUMMARY, Summary, cell_tags
from stabbench.tracking.entries import Entry
from stabbench.tracking.experiment import Experiment, oldest_whole_first, whole
from stabbench.tracking.models import can_be_asked, log_model, model_weights
from stabbench.tracking.names import fitting_tags
from stabbench.tracking.outcome import TrackingOutcome
from stabbench.tracking.runs import (
    CELL,
    DIGEST,
    FINGERPRINT,
    FINITE,
    MODEL,
    PARENT,
    PART,
    SELECTED,
    STUDY,
    cell_params,
    dataset_input,
    place_tags,
    run_metrics,
    run_params,
    run_span,
    run_tags,
)
from stabbench.tracking.server import ask, first_line, workers

ARTIFACTS = ("record.json", "gradnorms.parquet")


@dataclass
class CellRuns:
    """The work of one call; every step leaves the server such that the next call can go on."""

    experiment: Experiment
    outcome: TrackingOutcome
    entries: Sequence[Entry]
    marks: Mapping[str, Mapping[str, str]]
    store: Store | None
    models: bool
    progress: Callable[[int, int], None]

    def __post_init__(self) -> None:
        self.total = len(self.outcome.missing)
        self._keys = {entry.key for entry in self.entries if entry.study is None}
        self._placed: dict[str, Run] = {}
        self._others: dict[str, list[Run]] | None = None

    def cell(self, entry: Entry, parents: Sequence[Run], table_row: Summary, above: Run | None) -> None:
        """Log what lacks of one cell: its parent run (below `above`), its seeds, their models, and its numbers."""
        if not entry.selected.records:
            return
        there = self._there(entry)
        starts = (run_span(record, record.provenance()).start for record in entry.selected.records.values())
        parent = parents[0] if parents else self.experiment.create(cell_tags(entry), min(starts))
        self.experiment.delete(parents[1:])
        wanted = {
            CURRENT: "true",
            PART: cell_tags(entry)[PART],
            **({} if above is None else {PARENT: above.info.run_id}),
        }
        self.experiment.set_tags(parent, wanted)
        if not whole(parent):
            self.experiment.log(parent, [], cell_params(entry.cell))
            self.experiment.client.log_inputs(parent.info.run_id, [dataset_input(entry.cell)])
        for seed in [seed for seed in entry.own if seed not in there]:
            if (run := self._elsewhere(entry.own[seed])) is not None:
                there[seed] = run
        for seed, run in there.items():
            self._place(entry, seed, run, parent)
            self._seen(entry, seed, run, new=False)
        there |= self._log_runs(entry, {seed for seed in entry.own if seed not in there}, parent)
        for seed, run in there.items():
            self.attempt(entry.run_name(seed) + " (model)", self._log_model, entry, seed, run)
        if len(there) == len(entry.own):
            self.attempt(entry.name, self._summarise, entry, parent, table_row)

    def _there(self, entry: Entry) -> dict[int, Run]:
        """The whole runs of the cell by seed; interrupted, repeated and outdated ones are deleted."""
        found: dict[str, list[Run]] = defaultdict(list)
        for run in sorted(self.experiment.runs_of(entry.key), key=oldest_whole_first):
            found[run.data.tags[FINGERPRINT]].append(run)
        there: dict[int, Run] = {}
        for seed, record in entry.own.items():
            runs = found.pop(record.fingerprint, [])
            valid = [run for run in runs if _shows(run, record)]
            if valid:
                there[seed] = valid[0]
            self.experiment.delete([run for run in runs if run not in valid[:1]])
        for fingerprint, runs in found.items():
            keep = runs[:1] if whole(runs[0]) and fingerprint not in self._placed else []
            for run in keep:
                self.experiment.set_tags(run, {SELECTED: "false"})
            self.experiment.delete([run for run in runs if run not in keep])
        return there

    def _elsewhere(self, record: Record) -> Run | None:
        """The run of a record that stands below a cell which no longer has it: of a past plan, or of another study."""
        if self._others is None:
            self._others = self.experiment.runs()
        placed = {run.info.run_id for run in self._placed.values()}
        for run in self._others.get(record.fingerprint, []):
            free = run.data.tags[CELL] not in self._keys and run.info.run_id not in placed
            if free and _shows(run, record):
                return run
        return None

    def _place(self, entry: Entry, seed: int, run: Run, parent: Run) -> None:
        """Make a run that is there stand below the cell, with the marks of the studies that have it."""
        wanted = place_tags(entry.cell, seed, entry.study, parent.info.run_id)
        wanted |= self.marks.get(entry.own[seed].fingerprint, {})
        self.experiment.set_tags(run, wanted)
        fitting = fitting_tags(wanted)
        past = [tag for tag in run.data.tags if tag.startswith(STUDY) and tag not in fitting]
        self.experiment.remove_tags(run, past)

    def _log_runs(self, entry: Entry, seeds: set[int], parent: Run) -> dict[int, Run]:
        logged: dict[int, Run] = {}
        pool = ThreadPoolExecutor(workers(self.experiment.uri), thread_name_prefix="mlflow")
        try:
            futures = {pool.submit(self._log_run, entry, seed, parent.info.run_id): seed for seed in sorted(seeds)}
            for future in as_completed(futures):
                seed = futures[future]
                run = self.attempt(entry.run_name(seed), future.result)
                if run is not None:
                    logged[seed] = run
                    self._seen(entry, seed, run, new=True)
        finally:
            pool.shutdown(cancel_futures=True)
        return logged

    def _log_run(self, entry: Entry, seed: int, parent_id: str) -> Run:
        cell, record = entry.cell, entry.own[seed]
        provenance = record.provenance()
        span = run_span(record, provenance)
        metrics = run_metrics(record, provenance, span)
        tags = {**place_tags(cell, seed, entry.study, parent_id), **run_tags(record, provenance)}
        run = self.experiment.create({**tags, **self.marks.get(record.fingerprint, {})}, span.start)
        self.experiment.log(run, metrics, run_params(cell, seed, record))
        self.experiment.client.log_inputs(run.info.run_id, [dataset_input(cell)])
        files = {name: record.folder / name for name in ARTIFACTS}
        self.experiment.attach(run, {name: path for name, path in files.items() if path.is_file()})
        self.experiment.finish(run.info.run_id, span.end)
        return run

    def _log_model(self, entry: Entry, seed: int, run: Run) -> None:
        tags = run.data.tags
        if (
            not self.models
            or not can_be_asked(entry.cell)
            or (MODEL in tags and FINITE in tags and entry.own[seed].status != "diverged")
        ):
            return
        record, client = entry.own[seed], self.experiment.client
        weights, dead = model_weights(record, self.store)
        if dead is not None:
            if MODEL in tags:
                client.delete_logged_model(tags[MODEL])
                self.experiment.remove_tags(run, [MODEL, FINITE])
            if weights or MODEL in tags or seed in entry.cell.keep_weights:
                self.outcome.dead[entry.run_name(seed)] = dead
        elif weights is not None and MODEL in tags:
            self.experiment.set_tags(run, {FINITE: "true"})
        elif weights is not None:
            model_id = log_model(client, self.experiment.id, run.info.run_id, entry.cell, seed, record, weights)
            self.experiment.set_tags(run, {MODEL: model_id, FINITE: "true"})
            self.outcome.models += 1

    def _summarise(self, entry: Entry, parent: Run, table_row: Summary) -> None:
        digest = table_row.digest()
        if whole(parent) and parent.data.tags.get(SUMMARY) == digest:
            return
        revision = int(parent.data.tags.get(REVISION, "0")) + 1
        end = max(run_span(record, record.provenance()).end for record in entry.selected.records.values())
        undefined = {name: float("nan") for name in parent.data.metrics if name not in table_row.metrics}
        metrics = [Metric(name, value, end, revision) for name, value in {**table_row.metrics, **undefined}.items()]
        self.experiment.log(parent, [], tags={REVISION: str(revision)})
        self.experiment.log(parent, metrics, tags=table_row.tags)
        self.experiment.attach(parent, table_row.figures)
        self.experiment.log(parent, [], tags={SUMMARY: digest})
        self.experiment.finish(parent.info.run_id, end)
        self.outcome.cells += 1

    def attempt(self, name: str, action: Callable[..., Any], *arguments: object) -> Any:
        """What `action` returns, or None where it failed; UnreachableError where the server is gone altogether."""
        try:
            return action(*arguments)
        except Exception as error:
            self.outcome.problem = self.outcome.problem or f"{name}: {first_line(error)}"
            if name not in self.outcome.missing:
                self.outcome.missing.append(name)
            ask(self.experiment.client)
            return None

    def _seen(self, entry: Entry, seed: int, run: Run, *, new: bool) -> None:
        self._placed[entry.own[seed].fingerprint] = run
        self.outcome.missing.remove(entry.run_name(seed))
        self.outcome.logged += new
        self.outcome.found += not new
        self.progress(self.outcome.logged + self.outcome.found, self.total)


def _shows(run: Run, record: Record) -> bool:
    """Whether a run is whole and of this very result."""
    return whole(run) and run.data.tags.get(DIGEST) == record.result.result_digest
