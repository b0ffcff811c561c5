"""What every pool of workers shares: jobs, what happens to them, and the training of one."""

from __future__ import annotations

import dataclasses
import time
import traceback
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch

from stabbench.provenance import machine
from stabbench.training.contract import Ending, Inputs, RunFailedError, Trainer
from stabbench.training.loop import train
from stabbench.training.outcome import RunResult

PROGRESS_SECONDS = 0.2
RUN_FAILED = "RunFailed"
TRIES = 3
"""How often a job is begun whose worker is lost."""


@dataclass(frozen=True)
class Job:
    """Seeds of cell number `cell` to train side by side: `streams[i]` are the stream seeds of `seeds[i]`."""

    cell: int
    seeds: tuple[int, ...]
    streams: tuple[Mapping[str, int], ...] = field(hash=False)
    checkpoint: Path
    keep_weights: bool


@dataclass(frozen=True, eq=False)
class Workload:
    """What all jobs of a cell share: who trains them, and what from."""

    trainer: Trainer
    inputs: Inputs


@dataclass(frozen=True)
class Done:
    """A job's results, in the order of its seeds; `machine` says on what it was trained."""

    job: Job
    results: Sequence[RunResult]
    machine: Mapping[str, Any]


@dataclass(frozen=True)
class Broken:
    """A job that raised: `error` holds type, message and traceback; `machine` is empty where that is not known."""

    job: Job
    error: Mapping[str, str]
    machine: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Advanced:
    """A job that stands after `step` of `total` updates."""

    job: Job
    step: int
    total: int


Event = Done | Broken | Advanced

NextJob = Callable[[], tuple[Job, Workload] | None]
"""The next job with what its cell shares, or None: there is none now."""


class Pool(ABC):
    """Workers that train jobs; a context manager, which ends them. A job whose worker is lost is begun a few times."""

    def __init__(self) -> None:
        self.pending: deque[tuple[Job, Workload]] = deque()
        self.tries: Counter[Job] = Counter()

    @abstractmethod
    def __enter__(self) -> Self:
        """Make the pool ready; UserError where there is nothing to train on."""

    @abstractmethod
    def __exit__(self, *unused: object) -> None:
        """End every worker, also in the middle of a training."""

    @abstractmethod
    def run(self, next_job: NextJob) -> Iterator[Event]:
        """Train what `next_job` gives until it gives None and all is done, yielding what happens."""

    @property
    @abstractmethod
    def free_memory(self) -> int:
        """Bytes that a worker has for itself on its GPU, as it was before the first job."""

    def take(self, next_job: NextJob) -> tuple[Job, Workload] | None:
        """A job that has to be begun again, else the next one."""
        return self.pending.popleft() if self.pending else next_job()

    def lose(self, job: Job, workload: Workload, what: str) -> Broken | None:
        """A job whose worker is lost, of which `what` says how, is begun again: None; or that was its last try."""
        self.tries[job] += 1
        if self.tries[job] < TRIES:
            self.pending.append((job, workload))
            return None
        return Broken(job, {"type": "WorkerLost", "message": f"{what} in {TRIES} tries", "traceback": ""})


def train_job(
    job: Job,
    workload: Workload,
    device: str,
    checkpoint_seconds: float | None,
    tell: Callable[[Advanced], None],
    progress_seconds: float = PROGRESS_SECONDS,
    ending: Callable[[], bool] = lambda: False,
) -> Done | Broken:
    """Train a job here; `tell` is called about every `progress_seconds`.

    `checkpoint_seconds` of None means that the state is neither saved nor looked for. Raises `Ending` after the update
    in which `ending` became true, with the state saved.
    """
    told = time.monotonic()

    def progress(step: int, total: int) -> None:
        nonlocal told
        if ending():
            raise Ending
        if time.monotonic() - told > progress_seconds:
            told = time.monotonic()
            tell(Advanced(job, step, total))

    try:
        results = train(
            workload.inputs,
            job.streams,
            trainer=workload.trainer,
            device=torch.device(device),
            checkpoint=None if checkpoint_seconds is None else job.checkpoint,
            checkpoint_seconds=checkpoint_seconds or 0.0,
            progress=progress,
        )
    except RunFailedError as error:  # whose traceback would be ours, not that of the code that failed
        return Broken(job, {"type": RUN_FAILED, "message": str(error), "traceback": error.output}, machine(device))
    except Exception as error:
        content = {"type": type(error).__name__, "message": str(error), "traceback": traceback.format_exc()}
        return Broken(job, content, machine(device))
    return Done(job, [_portable(result, keep=job.keep_weights) for result in results], machine(device))


def _portable(result: RunResult, *, keep: bool) -> RunResult:
    """The result with its weights as arrays, or without them: what passes from process to process."""
    weights = {name: tensor.cpu().numpy() for name, tensor in result.weights.items()} if keep else {}
    return dataclasses.replace(result, weights=weights)  # type: ignore[arg-type]
