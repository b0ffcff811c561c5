"""Training what a cell lacks: finished runs are taken from the store, the others trained and recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from stabbench.execution.loading import load_inputs, model_folder
from stabbench.execution.provenance import provenance
from stabbench.execution.settings import Settings
from stabbench.execution.workers import Advanced, Broken, Done, Job, Workers
from stabbench.files import sha256_of_json
from stabbench.models.weights import save_classifier
from stabbench.plan import Cell
from stabbench.records import Store
from stabbench.training.device_step import step_mode
from stabbench.training.inputs import RunResult, TrainingInputs
from stabbench.training.memory import balanced, needs
from stabbench.training.precision import check_precision


@dataclass
class CellOutcome:
    """What happened to the seeds of a cell; `errors` maps a seed to its message."""

    reused: list[int] = field(default_factory=list)
    trained: list[int] = field(default_factory=list)
    errors: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """How far a cell is: `status` is None while seeds are training, else how they ended."""

    seeds: tuple[int, ...]
    step: int
    total: int
    status: str | None = None


Listener = Callable[[Report], None]


def train_cell(
    cell: Cell,
    seeds: Sequence[int],
    store: Store,
    settings: Settings,
    root: Path,
    listener: Listener | None = None,
) -> CellOutcome:
    """Train those of `seeds` that the store does not have, and record them.

    Seeds that another process is training are waited for. An error in a run is recorded and the others go on; a stack
    that breaks is tried again in halves.
    """
    return _CellTraining(cell, store, settings, root, listener or (lambda report: None)).train(seeds)


class _CellTraining:
    def __init__(self, cell: Cell, store: Store, settings: Settings, root: Path, listener: Listener) -> None:
        self.cell, self.store, self.settings, self.root, self.listener = cell, store, settings, root, listener
        self.outcome = CellOutcome()
        self.locks: dict[int, FileLock] = {}

    def train(self, seeds: Sequence[int]) -> CellOutcome:
        missing = [seed for seed in seeds if not self._reuse(seed)]
        if not missing:
            return self.outcome
        torch.set_num_threads(1)
        check_precision(self.cell.recipe().precision, torch.device(self.settings.device))
        step_mode(torch.device(self.settings.device))
        self.source = model_folder(self.cell, self.root)
        inputs = load_inputs(self.cell, self.root)
        try:
            while missing:
                missing = self._round(inputs, missing)
        finally:
            for lock in self.locks.values():
                lock.release()
        return self.outcome

    def _round(self, inputs: TrainingInputs, missing: list[int]) -> list[int]:
        """Train the seeds whose lock is free; those that others hold are left, after waiting for one of them."""
        mine = [seed for seed in missing if self._lock(seed, 0.0)]
        if not mine:
            seed = missing[0]
            if not self._lock(seed, 1.0):
                return missing
            mine = [seed]
        todo = [seed for seed in mine if not self._reuse(seed)]
        jobs = self._jobs(inputs, todo)
        seconds = self.settings.checkpoint_minutes * 60
        count = min(self.settings.workers, len(jobs))
        with Workers(inputs, count, self.settings.device, seconds) as workers:
            for event in workers.run(lambda: jobs.pop(0) if jobs else None):
                if isinstance(event, Advanced):
                    self.listener(Report(event.job.seeds, event.step, event.total))
                elif isinstance(event, Done):
                    for seed, result in zip(event.job.seeds, event.results, strict=True):
                        self._record(seed, result, len(event.job.seeds))
                elif (half := len(event.job.seeds) // 2) > 0:
                    jobs.extend(self._job(part) for part in (event.job.seeds[:half], event.job.seeds[half:]))
                else:
                    self._record_error(event)
        for seed in mine:
            self.locks.pop(seed).release()
        return [seed for seed in missing if seed not in mine]

    def _reuse(self, seed: int) -> bool:
        record = self.store.finished(self.cell.fingerprint(seed))
        if record is None or (seed in self.cell.keep_weights and record.weights is None):
            return False
        self.outcome.reused.append(seed)
        self.listener(Report((seed,), 1, 1, record.status))
        return True

    def _lock(self, seed: int, seconds: float) -> bool:
        lock = self.store.training_lock(self.cell.fingerprint(seed))
        try:
            lock.acquire(timeout=seconds)
        except Timeout:
            return False
        self.locks[seed] = lock
        return True

    def _jobs(self, inputs: TrainingInputs, seeds: Sequence[int]) -> list[Job]:
        left = iter(seeds)
        sizes = balanced(len(seeds), self._room(inputs, seeds)) if seeds else []
        return [self._job(tuple(islice(left, size))) for size in sizes]

    def _room(self, inputs: TrainingInputs, seeds: Sequence[int]) -> int:
        """How many seeds a worker trains side by side at most."""
        device = torch.device(self.settings.device)
        if self.settings.stacked_seeds is not None or device.type != "cuda":
            return self.settings.stacked_seeds or 1
        free, _ = torch.cuda.mem_get_info(device)
        streams = [self.cell.run_spec(seed)["seeds"] for seed in seeds]
        return needs(inputs, streams).room(free // self.settings.workers)

    def _job(self, seeds: tuple[int, ...]) -> Job:
        name = sha256_of_json([self.cell.fingerprint(seed) for seed in seeds])
        streams = tuple(self.cell.run_spec(seed)["seeds"] for seed in seeds)
        keep = any(seed in self.cell.keep_weights for seed in seeds)
        return Job(seeds, streams, self.store.checkpoint(name), keep)

    def _record(self, seed: int, result: RunResult, stacked: int) -> None:
        keep = seed in self.cell.keep_weights
        head = {"fingerprint": self.cell.fingerprint(seed), "spec": self.cell.run_spec(seed)}
        record = self.store.write(
            {**head, **result.data},
            provenance(self.root, self.settings.device, stacked, result.seconds),
            result.tables,
            (lambda folder: self._save(folder, result)) if keep else None,
        )
        self._clear(seed)
        self.outcome.trained.append(seed)
        self.listener(Report((seed,), 1, 1, record.status))

    def _save(self, folder: Path, result: RunResult) -> None:
        weights = {name: torch.as_tensor(value) for name, value in result.weights.items()}
        labels = tuple(self.cell.task_facts["label_names"])
        save_classifier(folder, weights, self.source, labels, self.cell.recipe().dropout)

    def _record_error(self, event: Broken) -> None:
        seed = event.job.seeds[0]
        head = {"fingerprint": self.cell.fingerprint(seed), "spec": self.cell.run_spec(seed)}
        data = {**head, "status": "error", "error": dict(event.error), "metric": self.cell.task_facts["metric"]}
        self.store.write(data, provenance(self.root, self.settings.device, 1, {}), {})
        self.outcome.errors[seed] = f"{event.error['type']}: {event.error['message']}"
        self.listener(Report((seed,), 1, 1, "error"))

    def _clear(self, seed: int) -> None:
        folder = self._job((seed,)).checkpoint
        for path in folder.glob("*"):
            path.unlink()
        if folder.exists():
            folder.rmdir()
