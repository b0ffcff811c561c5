"""A pool on a Ray cluster: every job is a task with its share of a node. No other module imports ray."""

from __future__ import annotations

import dataclasses
import logging
import os
import signal
import socket
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import ray
import torch
from ray.exceptions import RayError, RayTaskError

from stabbench.errors import UserError
from stabbench.execution import node
from stabbench.execution.pool import Advanced, Broken, Done, Event, Job, NextJob, Pool, Workload
from stabbench.execution.settings import Settings
from stabbench.plugins import files
from stabbench.signals import interruptible
from stabbench.training.inputs import TrainingInputs

CONNECT_SECONDS = 10.0
LOOK_SECONDS = 5.0
"""How often it is asked which nodes are gone."""
SENT_ALONG = ("STABBENCH_KERNEL", "STABBENCH_DEVICE_STEP")
"""Variables that choose how the numbers are computed: on a node they are what they are here."""
HINT = "what stabbench and the cell's strategy import has to be installed on every node, in the same versions"


@dataclass(eq=False)
class _Flight:
    """A job on its way; `node` is where it is trained, once that is known."""

    job: Job
    workload: Workload
    node: str | None = None


class Cluster(Pool):
    """Tasks on the cluster at $RAY_ADDRESS, else on a Ray of this process alone on this machine.

    In flight are as many as the cluster has room for now and as many again, which wait in Ray's queue: no worker waits
    for this process, and a node that joins has work at once. A cell's inputs are put into the object store when its
    first job is sent, and let go when nobody here holds them any more. A lost task is begun again, a few times.
    States are saved where a node sees the file `beacon`, which lies in the store's folder while the pool is open.
    """

    def __init__(self, settings: Settings, beacon: Path) -> None:
        super().__init__()
        self.settings, self.beacon = settings, beacon.absolute()
        self.kind = torch.device(settings.device).type
        share = {"num_cpus": 1.0, "num_gpus": 1 / settings.workers if self.kind == "cuda" else 0.0}
        how = {"max_retries": 0, "num_returns": "streaming", **share}
        self.task = ray.remote(**how)(_events)
        self.task_alone = ray.remote(max_calls=1, **how)(_events)
        self.measurement = ray.remote(**share)(node.free_memory)
        self.flights: dict[Any, _Flight] = {}
        self.put: dict[int, Any] = {}
        self._looked = time.monotonic()
        self._own = False

    def __enter__(self) -> Self:
        if not ray.is_initialized():
            _connect(None if self.kind == "cuda" else self.settings.workers)
            self._own = True
        try:
            if not self._slots():
                raise UserError(f"the Ray cluster has no {self._resource}: start a node with one, or change --device")
            self.beacon.parent.mkdir(parents=True, exist_ok=True)
            self.beacon.touch()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *unused: object) -> None:
        for stream in self.flights:
            ray.cancel(stream, force=True)
        self.flights.clear()
        self.put.clear()
        self.beacon.unlink(missing_ok=True)
        if self._own:
            ray.shutdown()

    @cached_property
    def free_memory(self) -> int:
        """Bytes that a worker has for itself on the GPU of a node, as it was before the first job."""
        return int(ray.get(self.measurement.remote(self.settings.workers)))

    def run(self, next_job: NextJob) -> Iterator[Event]:
        """Train what `next_job` gives until it gives None and all is done, yielding what happens."""
        while True:
            self._send(next_job)
            if not self.flights:
                return
            with interruptible():
                ready, _ = ray.wait(list(self.flights), num_returns=1, timeout=LOOK_SECONDS, fetch_local=False)
            gone = [stream for stream in self._stranded() if stream not in ready]
            for event in [*map(self._receive, ready), *map(self._lose, gone)]:
                self._send(next_job)  # first, so that no worker waits while a record is written
                if event is not None:
                    yield event

    @property
    def _resource(self) -> str:
        return "GPU" if self.kind == "cuda" else "CPU"

    def _slots(self) -> int:
        """How many tasks run at once on the nodes that there are now."""
        found = int(ray.cluster_resources().get(self._resource, 0))
        return found * self.settings.workers if self.kind == "cuda" else found

    def _send(self, next_job: NextJob) -> None:
        most = 2 * max(1, self._slots())
        while len(self.flights) < most and (taken := self.take(next_job)) is not None:
            job, workload = taken
            errand = node.Errand(
                job=dataclasses.replace(job, checkpoint=job.checkpoint.absolute()),
                device=self.kind,
                checkpoint_seconds=self.settings.checkpoint_minutes * 60,
                beacon=self.beacon,
                variables={name: os.environ.get(name) for name in SENT_ALONG},
            )
            task = self.task_alone if workload.trainer.one_run_a_process else self.task
            self.flights[task.remote(errand, self._reference(workload))] = _Flight(job, workload)

    def _reference(self, workload: Workload) -> Any:
        """The workload in the object store."""
        key = id(workload)
        if key not in self.put:
            inputs = workload.inputs
            _send_code_of(type(workload.trainer))
            for strategy, _ in inputs.strategies if isinstance(inputs, TrainingInputs) else ():
                _send_code_of(type(strategy))
            self.put[key] = ray.put(dataclasses.replace(workload, inputs=node.portable(inputs)))
            weakref.finalize(workload, self.put.pop, key, None)
        return self.put[key]

    def _receive(self, stream: Any) -> Event | None:
        """What a task says next of its job; None where it says nothing, or was lost and is begun again."""
        flight = self.flights[stream]
        try:
            told = ray.get(next(stream))
        except RayTaskError as error:
            content = {"type": type(error.cause).__name__, "message": f"{error.cause}: {HINT}", "traceback": str(error)}
            told = Broken(flight.job, content)
        except (RayError, StopIteration) as error:
            return self._lose(stream, type(error).__name__)
        if isinstance(told, str):
            flight.node = told
            return None
        if not isinstance(told, Advanced):
            del self.flights[stream]
        if isinstance(told, Done):
            results = [dataclasses.replace(result, weights=node.tensors(result.weights)) for result in told.results]
            return dataclasses.replace(told, results=results)
        event: Event = told
        return event

    def _lose(self, stream: Any, how: str = "its node is gone") -> Broken | None:
        """A task that will say nothing any more: its job is begun again, a few times."""
        flight = self.flights.pop(stream)
        return self.lose(flight.job, flight.workload, f"the task was lost ({how})")

    def _stranded(self) -> list[Any]:
        """Tasks whose node is gone, which Ray itself may take minutes to tell; asked for now and then."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return []
        self._looked = time.monotonic()
        alive = {None, *(found["NodeID"] for found in ray.nodes() if found["Alive"])}
        return [stream for stream, flight in self.flights.items() if flight.node not in alive]


def _events(errand: node.Errand, workload: Workload) -> Iterator[str | Event]:
    """A task: the node that it came to, then what happens to its job."""
    yield str(ray.get_runtime_context().get_node_id())
    yield from node.events(errand, workload)


def _send_code_of(plugin: type) -> None:
    """Have the code of a plugin's file, and of those that its base classes come from, travel: nodes may lack it."""
    for owner in plugin.__mro__:
        if owner.__module__.startswith(f"{files.__name__}."):
            ray.cloudpickle.register_pickle_by_value(sys.modules[owner.__module__])


def _connect(workers: int | None) -> None:
    """Join the cluster at $RAY_ADDRESS, else start a Ray here with `workers` CPUs (None: what the machine has).

    Raises UserError where nobody answers.
    """
    address = os.environ.get("RAY_ADDRESS")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")  # of a Ray started here: its workers are like the local pool's
    where = {"address": address} if address else {"address": "local", "num_cpus": workers, "include_dashboard": False}
    try:
        if address:
            _check(address)
        with _own_signals():
            ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
    except (RayError, RuntimeError, ValueError, OSError) as error:
        raise UserError(
            f"no Ray cluster at {address or 'this machine'} ({error}): set RAY_ADDRESS to HOST:PORT of its head and "
            "start this on one of its nodes, or leave it out: then a Ray is started on this machine"
        ) from error


def _check(address: str) -> None:
    """Raise where the address is of a kind that cannot be used, or nobody listens there."""
    if "://" in address:
        raise ValueError("Ray Client cannot train: expected HOST:PORT")
    host, _, port = address.rpartition(":")
    if host:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray makes SIGTERM an orderly exit; who has a handler of his own keeps it."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    if before != signal.SIG_DFL and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)
