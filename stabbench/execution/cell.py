"""One cell in training: what the store lacks is claimed under a lock a run, handed out as jobs, and recorded."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from stabbench.errors import UserError
from stabbench.execution.loading import load_files, load_inputs, model_folder
from stabbench.execution.outcome import WAITING, CellOutcome, Listener, Report, already_there
from stabbench.execution.pool import RUN_FAILED, Advanced, Broken, Done, Event, Job, Pool, Workload
from stabbench.execution.settings import Settings
from stabbench.files import sha256_of_json
from stabbench.models.weights import save_classifier
from stabbench.plan import Cell
from stabbench.provenance import provenance
from stabbench.recipe import Recipe
from stabbench.records import RecordContent, Store
from stabbench.records.content import ERROR, RunError
from stabbench.records.dead_weights import divergence, leave_reason, not_finite
from stabbench.training import trainers
from stabbench.training.contract import Trainer
from stabbench.training.memory import balanced
from stabbench.training.outcome import RunResult
from stabbench.typed_json import from_json

SHOWN_LINES = 8
"""Of what others' code said last, where it failed."""


class CellTraining:
    """The runs of a cell that are wanted; `missing` are those that no record answers yet."""

    def __init__(
        self,
        number: int,
        cell: Cell,
        seeds: Sequence[int],
        store: Store,
        settings: Settings,
        root: Path,
        listener: Listener,
    ) -> None:
        self.number, self.cell = number, cell
        self.store, self.settings, self.root, self.listener = store, settings, root, listener
        self.outcome = CellOutcome(cell)
        self.missing = [seed for seed in seeds if not self._reuse(seed)]
        self._locks: dict[int, FileLock] = {}
        self._workload: Workload | None = None
        if self.missing:
            reason = self.trainer.unsupported(cell.known_recipe() or Recipe(), torch.device(settings.device))
            if reason is not None:
                raise UserError(reason)

    @cached_property
    def trainer(self) -> Trainer:
        """Who trains them; UserError where it is not the one that the plan names."""
        return trainers.of(self.cell, self.root)

    @property
    def workload(self) -> Workload:
        """What the runs share, loaded when first asked for."""
        if self._workload is None:
            torch.set_num_threads(1)
            load = load_inputs if self.trainer.takes == "tensors" else load_files
            self._workload = Workload(self.trainer, load(self.cell, self.root))
        return self._workload

    def claim(self, pool: Pool, *, wait: bool) -> list[Job]:
        """Jobs for the missing seeds that no other process is training; with `wait`, one of those is waited for.

        What a worker of `pool` has room for decides how many seeds go into a job.
        """
        mine = [seed for seed in self.missing if self._lock(seed, 0.0)]
        if not mine and wait:
            self.listener(Report(self.number, tuple(self.missing), 0, 1, WAITING))
            mine = self.missing[:1] if self._lock(self.missing[0], 1.0) else []
        done = [seed for seed in mine if self._reuse(seed)]
        self._close(done)
        todo = [seed for seed in mine if seed not in done]
        if not todo:
            return []
        left = iter(todo)
        return [self._job(tuple(islice(left, size))) for size in balanced(len(todo), self._room(todo, pool))]

    def receive(self, event: Event) -> list[Job]:
        """Take in what happened to a job; the jobs that have to be done in its place."""
        seeds = event.job.seeds
        if isinstance(event, Advanced):
            self.listener(Report(self.number, seeds, event.step, event.total))
        elif isinstance(event, Done):
            for seed, result in zip(seeds, event.results, strict=True):
                self._record(seed, result, event)
        elif half := len(seeds) // 2:
            return [self._job(seeds[:half]), self._job(seeds[half:])]
        else:
            self._record_error(event)
        if not isinstance(event, Advanced):
            self._close(seeds)
        return []

    def release(self) -> None:
        """Let go of every lock and of the workload."""
        for seed in list(self._locks):
            self._locks.pop(seed).release()
        self._workload = None

    def _close(self, seeds: Sequence[int]) -> None:
        for seed in seeds:
            self._locks.pop(seed).release()
        self.missing = [seed for seed in self.missing if seed not in seeds]
        if not self.missing:
            self._workload = None

    def _reuse(self, seed: int) -> bool:
        record = already_there(self.cell, seed, self.store)
        if record is None:
            return False
        self._clear(seed)  # whoever trained it may have been killed before that
        self.outcome.reused.append(seed)
        self.listener(Report(self.number, (seed,), 1, 1, record.status))
        return True

    def _lock(self, seed: int, seconds: float) -> bool:
        lock = self.store.training_lock(self.cell.fingerprint(seed))
        try:
            lock.acquire(timeout=seconds)
        except Timeout:
            return False
        self._locks[seed] = lock
        return True

    def _room(self, seeds: Sequence[int], pool: Pool) -> int:
        """How many seeds a worker trains side by side at most."""
        inputs, wanted = self.workload.inputs, self.settings.stacked_seeds  # loaded here, where a refusal is expected
        if wanted is None and torch.device(self.settings.device).type != "cuda":
            return 1
        streams = [self.cell.run_spec(seed).seeds for seed in seeds]
        room = self.trainer.room(inputs, streams, pool.free_memory if wanted is None else None)
        return room if wanted is None else min(wanted, room)

    def _job(self, seeds: tuple[int, ...]) -> Job:
        fingerprints = [self.cell.fingerprint(seed) for seed in seeds]
        name = fingerprints[0] if len(seeds) == 1 else f"{fingerprints[0]}-{sha256_of_json(fingerprints)[:12]}"
        streams = tuple(self.cell.run_spec(seed).seeds for seed in seeds)
        keep = any(seed in self.cell.keep_weights for seed in seeds)
        return Job(self.number, seeds, streams, self.store.checkpoint(name), keep)

    def _record(self, seed: int, result: RunResult, event: Done) -> None:
        keep = seed in self.cell.keep_weights
        head = {"fingerprint": self.cell.fingerprint(seed), "spec": self.cell.run_spec(seed), "files": {}}
        content = RecordContent.from_json({**head, **result.data})
        made = {**event.machine, "versions": {**event.machine.get("versions", {}), **result.versions}}
        record = self.store.write(
            content,
            provenance(self.root, made, len(event.job.seeds), result.seconds, self.cell.seeds, self.cell.looks),
            result.tables,
            (lambda folder: self._save(folder, content, result)) if keep else None,
            result.texts,
        )
        self._clear(seed)
        self.outcome.trained.append(seed)
        self.listener(Report(self.number, (seed,), 1, 1, record.status))

    def _save(self, folder: Path, content: RecordContent, result: RunResult) -> None:
        """Keep a run's weights, or say in their place why they are dead."""
        weights = {name: torch.as_tensor(value) for name, value in result.weights.items()}
        if self.trainer.takes == "files":
            leave_reason(folder, f"trained by {self.trainer.name}, of which no weights are kept")
            return
        reason = divergence(content) or next(
            (not_finite(name) for name, value in weights.items() if not value.isfinite().all()), None
        )
        if reason is not None:
            leave_reason(folder, reason)
            return
        labels = self.cell.task_facts.label_names
        source, recipe = model_folder(self.cell, self.root), self.cell.recipe()
        save_classifier(folder, weights, source, labels, recipe.dropout, legacy_segments=recipe.legacy_segments)

    def _record_error(self, event: Broken) -> None:
        seed = event.job.seeds[0]
        error, fingerprint = from_json(RunError, event.error), self.cell.fingerprint(seed)
        spec, metric = self.cell.run_spec(seed), self.cell.task_facts.metric
        made = provenance(self.root, event.machine, 1, {}, self.cell.seeds, self.cell.looks)
        self.store.write(RecordContent(fingerprint, spec, ERROR, metric, error, {}), made, {})
        words = error.traceback.splitlines()[-SHOWN_LINES:] if error.type == RUN_FAILED else []
        self.outcome.errors[seed] = "\n    ".join([str(error), *words])
        self.listener(Report(self.number, (seed,), 1, 1, "error"))

    def _clear(self, seed: int) -> None:
        """Remove the checkpoints of all jobs that begin with this seed, also of those that were cut otherwise."""
        folder = self.store.checkpoint(self.cell.fingerprint(seed))
        for path in folder.parent.glob(f"{folder.name}*"):
            shutil.rmtree(path, ignore_errors=True)
