"""Brings one experiment up to date with a selection of records: what is there is left, what lacks is logged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Run

from stabbench.analysis import frame, stability
from stabbench.analysis.seed_sanity import seedless_records
from stabbench.errors import UserError
from stabbench.records import Record, SelectedCell, Selection, Store, UnreadableRecordError, check_weights
from stabbench.tracking.cells import CURRENT, REVISION, SUMMARY, Summary, cell_tags, figures_of, summary
from stabbench.tracking.experiment import Experiment, oldest_whole_first, whole
from stabbench.tracking.models import log_model
from stabbench.tracking.outcome import TrackingOutcome
from stabbench.tracking.runs import (
    CELL,
    DIGEST,
    FINGERPRINT,
    MODEL,
    PARENT,
    SELECTED,
    cell_key,
    cell_params,
    dataset_input,
    run_metrics,
    run_params,
    run_span,
    run_tags,
)
from stabbench.tracking.server import UnreachableError, ask, connected, first_line, workers
from stabbench.tracking.view import save_view, view_url

ARTIFACTS = ("record.json", "gradnorms.parquet")


def update(
    runs: Path,
    *,
    preset: str,
    uri: str,
    figures: Path | None,
    store: Path | None,
    models: bool,
    progress: Callable[[int, int], None],
) -> TrackingOutcome:
    """As `stabbench.tracking.bring_up_to_date`, with a tracking URI that is settled."""
    selection = Selection.read(runs)
    outcome = TrackingOutcome(uri, f"stabbench/{preset}", missing=_run_names(selection))
    rows = _table(selection)
    try:
        with connected(uri) as client:
            experiment = Experiment(client, uri, outcome.experiment)
            work = _Update(experiment, outcome, Store(store) if store and models else None, models, progress)
            parents = work.parents(selection)
            for selected in selection.cells:
                cell = selected.cell
                shown = figures_of(cell, figures, [other.cell for other in selection.cells])
                key = (cell.model, cell.task, cell.strategy)
                work.cell(selected, parents.get(cell_key(cell), []), summary(rows[key], shown))
            save_view(client, experiment.id, experiment.tags)
            outcome.url = view_url(uri, experiment.id)
    except UnreachableError as error:
        outcome.problem = str(error)
    except Exception as error:  # whatever MLflow raises: the records are whole, and the next call goes on from here
        outcome.problem = first_line(error)
    return outcome


class _Update:
    """The work of one call; every step leaves the server such that the next call can go on."""

    def __init__(
        self,
        experiment: Experiment,
        outcome: TrackingOutcome,
        store: Store | None,
        models: bool,
        progress: Callable[[int, int], None],
    ) -> None:
        self.experiment = experiment
        self.outcome = outcome
        self.store = store
        self.models = models
        self.total = len(outcome.missing)
        self.progress = progress

    def parents(self, selection: Selection) -> dict[str, list[Run]]:
        """The parent runs by cell; those of other plans are marked as no longer current."""
        wanted = {cell_key(selected.cell) for selected in selection.cells}
        found: dict[str, list[Run]] = defaultdict(list)
        for run in sorted(self.experiment.cells(), key=oldest_whole_first):
            key = run.data.tags[CELL]
            found[key].append(run)
            self.experiment.set_tags(run, {CURRENT: "true" if key in wanted else "false"})
        return found

    def cell(self, selected: SelectedCell, parents: list[Run], table_row: Summary) -> None:
        """Log what lacks of one cell: its parent run, its seeds, their models, and then its numbers."""
        if not selected.records:
            return
        there = self._there(selected)
        parent = parents[0] if parents else self._parent(selected)
        self.experiment.delete(parents[1:])
        if not whole(parent):
            self._describe(selected, parent)
        for seed, run in there.items():
            self.experiment.set_tags(run, {PARENT: parent.info.run_id, SELECTED: "true"})
            self._seen(selected, seed, new=False)
        there |= self._log_runs(selected, {seed for seed in selected.records if seed not in there}, parent)
        for seed, run in there.items():
            self._attempt(_run_name(selected, seed) + " (model)", self._log_model, selected, seed, run)
        if len(there) == len(selected.records):
            self._attempt(selected.cell.name, self._summarise, selected, parent, table_row)

    def _there(self, selected: SelectedCell) -> dict[int, Run]:
        """The whole runs of the cell by seed; interrupted, repeated and outdated ones are deleted."""
        found: dict[str, list[Run]] = defaultdict(list)
        for run in sorted(self.experiment.runs_of(cell_key(selected.cell)), key=oldest_whole_first):
            found[run.data.tags[FINGERPRINT]].append(run)
        there: dict[int, Run] = {}
        for seed, record in selected.records.items():
            runs = found.pop(record.fingerprint, [])
            valid = [run for run in runs if whole(run) and run.data.tags.get(DIGEST) == record.data["result_digest"]]
            if valid:
                there[seed] = valid[0]
            self.experiment.delete([run for run in runs if run not in valid[:1]])
        for runs in found.values():
            self.experiment.set_tags(runs[0], {SELECTED: "false"})
            self.experiment.delete([run for run in runs if run is not runs[0] or not whole(run)])
        return there

    def _parent(self, selected: SelectedCell) -> Run:
        start = min(run_span(record, record.provenance()).start for record in selected.records.values())
        return self.experiment.create(cell_tags(selected.cell), start)

    def _describe(self, selected: SelectedCell, parent: Run) -> None:
        self.experiment.log(parent.info.run_id, [], cell_params(selected.cell))
        self.experiment.client.log_inputs(parent.info.run_id, [dataset_input(selected.cell)])

    def _log_runs(self, selected: SelectedCell, seeds: set[int], parent: Run) -> dict[int, Run]:
        logged: dict[int, Run] = {}
        pool = ThreadPoolExecutor(workers(self.experiment.uri), thread_name_prefix="mlflow")
        try:
            futures = {pool.submit(self._log_run, selected, seed, parent.info.run_id): seed for seed in sorted(seeds)}
            for future in as_completed(futures):
                seed = futures[future]
                run = self._attempt(_run_name(selected, seed), future.result)
                if run is not None:
                    logged[seed] = run
                    self._seen(selected, seed, new=True)
        finally:
            pool.shutdown(cancel_futures=True)
        return logged

    def _log_run(self, selected: SelectedCell, seed: int, parent_id: str) -> Run:
        cell, record = selected.cell, selected.records[seed]
        provenance = record.provenance()
        span = run_span(record, provenance)
        metrics = run_metrics(record, provenance, span)
        run = self.experiment.create(run_tags(cell, seed, record, provenance, parent_id), span.start)
        self.experiment.log(run.info.run_id, metrics, run_params(cell, seed, record))
        self.experiment.client.log_inputs(run.info.run_id, [dataset_input(cell)])
        files = {name: record.folder / name for name in ARTIFACTS}
        self.experiment.attach(run, {name: path for name, path in files.items() if path.is_file()})
        self.experiment.finish(run.info.run_id, span.end)
        return run

    def _log_model(self, selected: SelectedCell, seed: int, run: Run) -> None:
        record = selected.records[seed]
        weights = self._weights(record) if self.models and MODEL not in run.data.tags else None
        if weights is None:
            return
        client, run_id = self.experiment.client, run.info.run_id
        model_id = log_model(client, self.experiment.id, run_id, selected.cell, seed, record, weights)
        self.experiment.set_tags(run, {MODEL: model_id})
        self.outcome.models += 1

    def _weights(self, record: Record) -> Path | None:
        """Its kept weights; UserError where they are not whole."""
        kept = record
        if record.weights is None and self.store is not None:
            try:
                kept = Record.read(self.store.folder(record.fingerprint), verify=False)
            except UnreadableRecordError:
                return None
        if kept.weights is None or kept.data.get("result_digest") != record.data["result_digest"]:
            return None
        try:
            check_weights(kept.weights)
        except UnreadableRecordError as error:
            raise UserError(f"run `stabbench train`, as its kept weights are not whole: {error}") from error
        return kept.weights

    def _summarise(self, selected: SelectedCell, parent: Run, table_row: Summary) -> None:
        digest = table_row.digest()
        if whole(parent) and parent.data.tags.get(SUMMARY) == digest:
            return
        run_id = parent.info.run_id
        revision = int(parent.data.tags.get(REVISION, "0")) + 1
        end = max(run_span(record, record.provenance()).end for record in selected.records.values())
        undefined = {name: float("nan") for name in parent.data.metrics if name not in table_row.metrics}
        metrics = [Metric(name, value, end, revision) for name, value in {**table_row.metrics, **undefined}.items()]
        self.experiment.log(run_id, [], tags={REVISION: str(revision)})
        self.experiment.log(run_id, metrics, tags=table_row.tags)
        self.experiment.attach(parent, table_row.figures)
        self.experiment.log(run_id, [], tags={SUMMARY: digest})
        self.experiment.finish(run_id, end)
        self.outcome.cells += 1

    def _attempt(self, name: str, action: Callable[..., Any], *arguments: object) -> Any:
        """What `action` returns, or None where it failed; UnreachableError where the server is gone altogether."""
        try:
            return action(*arguments)
        except Exception as error:
            self.outcome.problem = self.outcome.problem or f"{name}: {first_line(error)}"
            if name not in self.outcome.missing:
                self.outcome.missing.append(name)
            ask(self.experiment.client)
            return None

    def _seen(self, selected: SelectedCell, seed: int, *, new: bool) -> None:
        self.outcome.missing.remove(_run_name(selected, seed))
        self.outcome.logged += new
        self.outcome.found += not new
        self.progress(self.outcome.logged + self.outcome.found, self.total)


def _run_names(selection: Selection) -> list[str]:
    return [_run_name(selected, seed) for selected in selection.cells for seed in selected.records]


def _run_name(selected: SelectedCell, seed: int) -> str:
    return f"{selected.cell.name} seed {seed}"


def _table(selection: Selection) -> dict[tuple[str, str, str], dict[str, Any]]:
    runs = frame(selection)
    table = stability(runs, seedless=seedless_records(runs, selection))
    rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    return {(row["model"], row["task"], row["strategy"]): row for row in rows}
