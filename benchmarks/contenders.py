"""Contenders: groups of processes that stay alive, run steps when told and otherwise wait on a pipe."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import resource
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from stabbench.execution.settings import available_cores
from stabbench.watchdog import die_with_parent


@dataclass(frozen=True)
class Contender:
    """One way to train.

    `processes` run side by side with `threads` threads each (None: all cores, as torch takes by itself); `target` names
    the function `(control, job, number)` that each process runs, as `module:function`.
    """

    key: str
    title: str
    processes: int
    threads: int | None
    target: str


@dataclass(frozen=True)
class Span:
    """One process's part in a round: begin and end by the machine's monotonic clock and its CPU time, in seconds."""

    steps: int
    begin: float
    end: float
    cpu_seconds: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.begin


class Control:
    """A process's side: it waits for a number of steps and says when they are done."""

    def __init__(self, connection: Connection, barrier: Any) -> None:
        self.connection, self.barrier = connection, barrier
        self.steps, self.began, self.cpu = 0, 0.0, 0.0

    def ready(self, **facts: Any) -> None:
        """Everything is loaded; `facts` go into the report."""
        self.connection.send(("ready", facts))

    def begin(self) -> int:
        """The number of steps to run now, once all processes of the group are about to; 0: no more."""
        self.steps = self.connection.recv()
        if self.steps:
            self.barrier.wait()
            self.began, self.cpu = time.perf_counter(), time.process_time()
        else:
            self.connection.send(("closed", peak_memory()))
        return self.steps

    def end(self) -> None:
        """The steps are done."""
        ended, cpu = time.perf_counter(), time.process_time() - self.cpu
        self.connection.send(("done", Span(self.steps, self.began, ended, cpu)))


class Group:
    """The running processes of a contender; use as a context manager, which ends them.

    They are forked where that is safe (Linux), as stabbench's own workers are: this process must not have computed with
    several threads.
    """

    def __init__(self, contender: Contender, job: Any) -> None:
        context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
        barrier = context.Barrier(contender.processes)
        self.contender = contender
        self.connections: list[Connection] = []
        self.processes = []
        for number in range(contender.processes):
            ours, theirs = context.Pipe()
            arguments = (contender, theirs, barrier, os.getpid(), job, number)
            process = context.Process(target=_serve, args=arguments, daemon=True)
            process.start()
            theirs.close()
            self.connections.append(ours)
            self.processes.append(process)

    def __enter__(self) -> Group:
        return self

    def __exit__(self, *unused: object) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.join(timeout=10)

    def ready(self) -> Mapping[str, Any]:
        """Wait until all processes have loaded what they need; the first one's facts."""
        facts: list[Mapping[str, Any]] = [self._receive(connection, "ready") for connection in self.connections]
        return facts[0]

    def run(self, steps: int) -> list[Span]:
        """Let every process run `steps` steps at the same time."""
        for connection in self.connections:
            connection.send(steps)
        return [self._receive(connection, "done") for connection in self.connections]

    def close(self) -> list[int]:
        """End the processes; the peak resident memory of each in bytes."""
        for connection in self.connections:
            connection.send(0)
        peaks = [self._receive(connection, "closed") for connection in self.connections]
        for process in self.processes:
            process.join(timeout=30)
        return peaks

    def _receive(self, connection: Connection, expected: str) -> Any:
        try:
            kind, content = connection.recv()
        except EOFError:
            raise RuntimeError(f"a process of '{self.contender.key}' ended without a word") from None
        if kind != expected:
            raise RuntimeError(f"a process of '{self.contender.key}' failed:\n{content}")
        return content


def _serve(contender: Contender, connection: Connection, barrier: Any, parent: int, job: Any, number: int) -> None:
    die_with_parent(parent)
    try:
        torch.set_num_threads(contender.threads or available_cores())
        module, _, function = contender.target.partition(":")
        getattr(importlib.import_module(module), function)(Control(connection, barrier), job, number)
    except BaseException:
        connection.send(("failed", traceback.format_exc()))
        raise


def peak_memory() -> int:
    """The most resident memory that this process has had, in bytes; shared pages count in full."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
