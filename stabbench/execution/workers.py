"""A pool of processes on this machine, each training one group of seeds at a time; a lost one is replaced."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any, Self

import torch

from stabbench.execution.pool import Advanced, Event, Job, NextJob, Pool, Workload, train_job
from stabbench.signals import interruptible, shielded_from_ctrl_c
from stabbench.training.contract import Ending
from stabbench.training.precision import check_device
from stabbench.watchdog import die_with_parent


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    connection: Connection
    workload: Workload
    job: Job | None = None


class Workers(Pool):
    """At most `count` processes; use as a context manager, which ends them.

    A process trains jobs of one cell, whose inputs it shares with this one; for another cell a new one takes its place.
    """

    def __init__(self, count: int, device: str, checkpoint_seconds: float) -> None:
        super().__init__()
        self.count, self.device, self.checkpoint_seconds = count, device, checkpoint_seconds
        forks = sys.platform == "linux" and device == "cpu"
        self.context: Any = multiprocessing.get_context("fork" if forks else "spawn")
        self.workers: list[_Worker] = []

    def __enter__(self) -> Self:
        check_device(torch.device(self.device))
        return self

    def __exit__(self, kind: object = None, error: object = None, *unused: object) -> None:
        """End the processes; those that train save what they have begun where this one is stopped.

        After an error they end at once: the disk may be what is wrong.
        """
        self._end(self.workers, at_once=isinstance(error, Exception))

    @cached_property
    def free_memory(self) -> int:
        """Bytes that a worker has for itself on its GPU, as it was before the first job."""
        free, _ = torch.cuda.mem_get_info(torch.device(self.device))
        return free // self.count

    def run(self, next_job: NextJob) -> Iterator[Event]:
        """Train what `next_job` gives until it gives None and all is done, yielding what happens."""
        while True:
            self._hand_out(next_job)
            busy = [worker for worker in self.workers if worker.job is not None]
            if not busy:
                self._end(self.workers)
                return
            with interruptible():
                ready = wait([*(worker.connection for worker in busy), *(worker.process.sentinel for worker in busy)])
            for worker in busy:
                if worker.connection in ready:
                    event = self._receive(worker)
                elif worker.process.sentinel in ready:
                    event = self._bury(worker)
                else:
                    continue
                self._hand_out(next_job)  # first, so that no worker waits while a record is written
                if event is not None:
                    yield event

    def _hand_out(self, next_job: NextJob) -> None:
        while sum(worker.job is not None for worker in self.workers) < self.count:
            taken = self.take(next_job)
            if taken is None:
                return
            worker = self._worker_for(taken[1])
            worker.job = taken[0]
            worker.connection.send(taken[0])

    def _worker_for(self, workload: Workload) -> _Worker:
        """An idle worker for this workload, else a new one in the place of an idle one that has another."""
        idle = [worker for worker in self.workers if worker.job is None]
        for worker in idle:
            if worker.workload is workload:
                return worker
        if len(self.workers) == self.count:
            self._end(idle[:1])
        return self._start(workload)

    def _start(self, workload: Workload) -> _Worker:
        ours, theirs = self.context.Pipe()
        arguments = (theirs, os.getpid(), workload, self.device, self.checkpoint_seconds)
        process = self.context.Process(target=_work, args=arguments, daemon=True)
        with shielded_from_ctrl_c(spawning=self.context.get_start_method() != "fork"):
            process.start()
        theirs.close()
        worker = _Worker(process, ours, workload)
        self.workers.append(worker)
        return worker

    def _end(self, workers: Sequence[_Worker], *, at_once: bool = False) -> None:
        for worker in workers:
            if at_once:
                worker.process.kill()
            else:
                worker.process.terminate()
        for worker in workers:
            worker.process.join(timeout=10)
            if worker.process.is_alive():
                worker.process.kill()
            worker.connection.close()
        self.workers = [worker for worker in self.workers if worker not in workers]

    def _receive(self, worker: _Worker) -> Event | None:
        try:
            event: Event = worker.connection.recv()
        except (EOFError, OSError):
            return self._bury(worker)
        if not isinstance(event, Advanced):
            worker.job = None
            if worker.workload.trainer.one_run_a_process:
                self._end([worker])
        return event

    def _bury(self, worker: _Worker) -> Event | None:
        """A worker that the system killed: its job goes to another one, a few times."""
        assert worker.job is not None
        worker.process.join(timeout=5)
        worker.connection.close()
        self.workers.remove(worker)
        code = worker.process.exitcode
        return self.lose(worker.job, worker.workload, f"the worker process ended with exit code {code}")


class _End:
    """SIGTERM: at once, or, while a training `waits` to save its state, after the update that it is in."""

    def __init__(self) -> None:
        self.asked = self.waits = False

    def hear(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        if not self.waits:
            self.obey()

    def obey(self) -> None:
        """End as if nobody had heard the signal, where it has come."""
        if self.asked:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.raise_signal(signal.SIGTERM)


def _work(connection: Connection, parent: int, workload: Workload, device: str, checkpoint_seconds: float) -> None:
    """The life of a worker: jobs in, what happens to them out."""
    die_with_parent(parent)
    end = _End()
    signal.signal(signal.SIGTERM, end.hear)
    torch.set_num_threads(1)
    gc.freeze()  # what was imported and loaded stays: collecting it again and again costs a few per cent
    gc.set_threshold(700, 10, 10)  # not the command's: a model that lies in a circle is to be gone soon
    while True:
        try:
            job = connection.recv()
        except EOFError:
            return
        try:
            end.waits = workload.trainer.saves_when_ending
            event = train_job(job, workload, device, checkpoint_seconds, connection.send, ending=lambda: end.asked)
        except Ending:
            return
        end.waits = False
        end.obey()
        connection.send(event)
