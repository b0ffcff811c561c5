"""A pool of worker processes, each training one group of seeds at a time; a lost worker is replaced."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from stabbench.execution.lifeline import die_with_parent
from stabbench.stopping import pausing, shielded_from_ctrl_c
from stabbench.training.inputs import RunResult, TrainingInputs
from stabbench.training.loop import train

PROGRESS_SECONDS = 0.2
TRIES = 3


@dataclass(frozen=True)
class Job:
    """Seeds of cell number `cell` to train side by side: `streams[i]` are the stream seeds of `seeds[i]`."""

    cell: int
    seeds: tuple[int, ...]
    streams: tuple[Mapping[str, int], ...] = field(hash=False)
    checkpoint: Path
    keep_weights: bool


@dataclass(frozen=True)
class Done:
    """A job's results, in the order of its seeds."""

    job: Job
    results: Sequence[RunResult]


@dataclass(frozen=True)
class Broken:
    """A job that raised: `error` holds type, message and traceback."""

    job: Job
    error: Mapping[str, str]


@dataclass(frozen=True)
class Advanced:
    """A job that stands after `step` of `total` updates."""

    job: Job
    step: int
    total: int


Event = Done | Broken | Advanced


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    inputs: TrainingInputs
    job: Job | None = None


class Workers:
    """At most `count` processes; use as a context manager, which ends them.

    A process trains jobs of one cell, whose inputs it shares with this one; for another cell a new one takes its place.
    """

    def __init__(self, count: int, device: str, checkpoint_seconds: float) -> None:
        self.count, self.device, self.checkpoint_seconds = count, device, checkpoint_seconds
        forks = sys.platform == "linux" and device == "cpu"
        self.context: Any = multiprocessing.get_context("fork" if forks else "spawn")
        self.workers: list[_Worker] = []
        self.tries: dict[Job, int] = {}

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *unused: object) -> None:
        self._end(self.workers)

    def run(self, next_job: Callable[[], tuple[Job, TrainingInputs] | None]) -> Iterator[Event]:
        """Train what `next_job` gives until it gives None and all is done, yielding what happens."""
        pending: list[tuple[Job, TrainingInputs]] = []

        def take() -> tuple[Job, TrainingInputs] | None:
            return pending.pop() if pending else next_job()

        while True:
            self._hand_out(take)
            busy = [worker for worker in self.workers if worker.job is not None]
            if not busy:
                return
            with pausing():
                ready = wait([*(worker.connection for worker in busy), *(worker.process.sentinel for worker in busy)])
            for worker in busy:
                if worker.connection in ready:
                    events = self._receive(worker, pending)
                elif worker.process.sentinel in ready:
                    events = self._bury(worker, pending)
                else:
                    continue
                self._hand_out(take)  # first, so that no worker waits while a record is written
                yield from events

    def _hand_out(self, take: Callable[[], tuple[Job, TrainingInputs] | None]) -> None:
        while sum(worker.job is not None for worker in self.workers) < self.count:
            taken = take()
            if taken is None:
                return
            worker = self._worker_for(taken[1])
            worker.job = taken[0]
            worker.connection.send(taken[0])

    def _worker_for(self, inputs: TrainingInputs) -> _Worker:
        """An idle worker that has these inputs, else a new one in the place of an idle one that has others."""
        idle = [worker for worker in self.workers if worker.job is None]
        for worker in idle:
            if worker.inputs is inputs:
                return worker
        if len(self.workers) == self.count:
            self.workers.remove(idle[0])
            self._end(idle[:1])
        return self._start(inputs)

    def _start(self, inputs: TrainingInputs) -> _Worker:
        ours, theirs = self.context.Pipe()
        arguments = (theirs, os.getpid(), inputs, self.device, self.checkpoint_seconds)
        process = self.context.Process(target=_work, args=arguments, daemon=True)
        with shielded_from_ctrl_c(spawning=self.context.get_start_method() != "fork"):
            process.start()
        theirs.close()
        worker = _Worker(process, ours, inputs)
        self.workers.append(worker)
        return worker

    def _end(self, workers: Sequence[_Worker]) -> None:
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.process.join(timeout=10)
            if worker.process.is_alive():
                worker.process.kill()
            worker.connection.close()

    def _receive(self, worker: _Worker, pending: list[tuple[Job, TrainingInputs]]) -> list[Event]:
        assert worker.job is not None
        try:
            kind, content = worker.connection.recv()
        except (EOFError, OSError):
            return self._bury(worker, pending)
        job = worker.job
        if kind == "advanced":
            return [Advanced(job, *content)]
        worker.job = None
        return [Done(job, content) if kind == "done" else Broken(job, content)]

    def _bury(self, worker: _Worker, pending: list[tuple[Job, TrainingInputs]]) -> list[Event]:
        """A worker that the system killed: its job goes to another one, a few times."""
        assert worker.job is not None
        job = worker.job
        worker.process.join(timeout=5)
        worker.connection.close()
        self.workers.remove(worker)
        self.tries[job] = self.tries.get(job, 0) + 1
        if self.tries[job] < TRIES:
            pending.append((job, worker.inputs))
            return []
        message = f"the worker process ended with exit code {worker.process.exitcode} in {TRIES} tries"
        return [Broken(job, {"type": "WorkerLost", "message": message, "traceback": ""})]


def _work(connection: Connection, parent: int, inputs: TrainingInputs, device: str, checkpoint_seconds: float) -> None:
    """The life of a worker: jobs in, results out."""
    die_with_parent(parent)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    torch.set_num_threads(1)
    gc.freeze()  # what was imported and loaded stays: collecting it again and again costs a few per cent
    while True:
        try:
            job = connection.recv()
        except EOFError:
            return
        connection.send(_train(job, connection, inputs, device, checkpoint_seconds))


def _train(
    job: Job, connection: Connection, inputs: TrainingInputs, device: str, checkpoint_seconds: float
) -> tuple[str, Any]:
    told = time.monotonic()

    def progress(step: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told > PROGRESS_SECONDS:
            told = time.monotonic()
            connection.send(("advanced", (step, total)))

    try:
        results = train(
            inputs,
            job.streams,
            device=torch.device(device),
            checkpoint=job.checkpoint,
            checkpoint_seconds=checkpoint_seconds,
            progress=progress,
        )
    except Exception as error:
        content = {"type": type(error).__name__, "message": str(error), "traceback": traceback.format_exc()}
        return "broken", content
    return "done", [_portable(result, keep=job.keep_weights) for result in results]


def _portable(result: RunResult, *, keep: bool) -> RunResult:
    """The result with its weights as arrays, or without them: what passes through a pipe."""
    weights = {name: tensor.cpu().numpy() for name, tensor in result.weights.items()} if keep else {}
    return RunResult(result.data, result.tables, weights, result.seconds)  # type: ignore[arg-type]
