"""Training what a list of cells lacks, all of it on one pool of workers, so that no core waits for a cell to end."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from stabbench.errors import UserError
from stabbench.execution.cell import CellTraining
from stabbench.execution.outcome import CellOutcome, Listener
from stabbench.execution.pool import Job, Pool, Workload
from stabbench.execution.settings import Settings
from stabbench.execution.workers import Workers
from stabbench.plan import Cell
from stabbench.records import Store
from stabbench.signals import check_signals, deferred_signals


def train_cells(
    wanted: Sequence[tuple[Cell, Sequence[int]]],
    store: Store,
    settings: Settings,
    root: Path,
    listener: Listener | None = None,
) -> list[CellOutcome]:
    """Train those of the wanted seeds of each cell that the store does not have, and record them.

    Seeds that another process is training are waited for. An error in a run is recorded and the others go on. So do
    the other cells where the inputs of one are not those of its plan: UserError says so at the end. A signal counts
    where no result is on its way into a record.
    """
    listen = listener or (lambda report: None)
    trainings = [
        CellTraining(number, cell, seeds, store, settings, root, listen) for number, (cell, seeds) in enumerate(wanted)
    ]
    open_cells = [training for training in trainings if training.missing]
    refused: list[str] = []
    store.sweep()
    with deferred_signals():
        try:
            if open_cells:
                with _pool(settings, _missing(open_cells), store) as pool:
                    refused = _train_all(open_cells, pool)
        finally:
            for training in trainings:
                training.release()
            store.sweep()  # after those who were killed while this process worked or waited
    if refused:
        raise UserError("\n".join(dict.fromkeys(refused)))
    return [training.outcome for training in trainings]


def _pool(settings: Settings, runs: int, store: Store) -> Pool:
    """The workers that the settings ask for, on this machine no more than there are runs."""
    if settings.launcher == "ray":
        from stabbench.execution.cluster import Cluster

        return Cluster(settings, store.checkpoint(f"beacon-{uuid4().hex}"))
    return Workers(min(settings.workers, runs), settings.device, settings.checkpoint_minutes * 60)


def _train_all(open_cells: Sequence[CellTraining], pool: Pool) -> list[str]:
    """Train; why cells were refused."""
    refused: list[str] = []
    wait = False
    while open_cells:
        check_signals()
        before = _missing(open_cells)
        refused += _train(open_cells[:1] if wait else open_cells, pool, wait=wait)
        open_cells = [training for training in open_cells if training.missing]
        wait = not wait and _missing(open_cells) == before
    return refused


def _missing(trainings: Sequence[CellTraining]) -> int:
    return sum(len(training.missing) for training in trainings)


def _train(open_cells: Sequence[CellTraining], pool: Pool, *, wait: bool) -> list[str]:
    """Train every run that can be had now, cell after cell; why cells were refused."""
    numbered = {training.number: training for training in open_cells}
    queue, jobs, refused = deque(open_cells), deque[Job](), list[str]()

    def next_job() -> tuple[Job, Workload] | None:
        while not jobs and queue:
            training = queue.popleft()
            try:
                jobs.extend(training.claim(pool, wait=wait))
            except UserError as error:
                refused.append(str(error))
                training.release()
                training.missing = []  # nothing of it is trained any more
        if not jobs:
            return None
        job = jobs.popleft()
        return job, numbered[job.cell].workload

    for event in pool.run(next_job):
        jobs.extend(numbered[event.job.cell].receive(event))
    return refused
