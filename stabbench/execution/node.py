"""What runs on a node of a cluster: the training of one job, told as a stream of events."""

from __future__ import annotations

import dataclasses
import gc
import os
import platform
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import torch
from torch import Tensor

from stabbench.execution.pool import Advanced, Broken, Event, Job, Workload, train_job
from stabbench.plan import TRAINING_VERSION
from stabbench.training.contract import Inputs
from stabbench.training.inputs import TrainingInputs
from stabbench.version import __version__

PROGRESS_SECONDS = 1.0
CODE = f"stabbench {__version__} (training version {TRAINING_VERSION})"


@dataclass(frozen=True)
class Errand:
    """A job and what a node is told with it.

    The state is saved only where the node finds the file `beacon`, that is, where it sees the store's folder;
    `variables` are the environment's here and there; `code` is the asking side's `CODE`.
    """

    job: Job
    device: str
    checkpoint_seconds: float
    beacon: Path
    variables: Mapping[str, str | None]
    code: str = CODE


def events(errand: Errand, workload: Workload) -> Iterator[Event]:
    """Train a job on this node and tell what happens; `workload` has arrays in the place of tensors."""
    if errand.code != CODE:
        message = f"found {CODE} on {platform.node()}, expected {errand.code}: install the same on every node"
        yield Broken(errand.job, {"type": "OtherVersion", "message": message, "traceback": ""})
        return
    for name, value in errand.variables.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    told: SimpleQueue[Event] = SimpleQueue()
    Thread(target=_train, args=(errand, workload, told), daemon=True).start()
    while isinstance(event := told.get(), Advanced):
        yield event
    yield event


def _train(errand: Errand, workload: Workload, told: SimpleQueue[Event]) -> None:
    try:
        torch.set_num_threads(1)
        _freeze()
        whole = dataclasses.replace(workload, inputs=restored(workload.inputs))
        seconds = errand.checkpoint_seconds if errand.beacon.exists() else None
        told.put(train_job(errand.job, whole, errand.device, seconds, told.put, PROGRESS_SECONDS))
    except BaseException:  # such as SystemExit in a strategy, by which a worker process ends as well
        os._exit(1)


@cache
def _freeze() -> None:
    """Once a process: what was imported stays, and need not be collected again and again."""
    gc.freeze()


def free_memory(workers: int) -> int:
    """Bytes that each of `workers` has for itself on this task's GPU."""
    free, _ = torch.cuda.mem_get_info()
    return free // workers


def portable(inputs: Inputs) -> Inputs:
    """The inputs with arrays in the place of tensors, which the object store shares between processes."""
    if not isinstance(inputs, TrainingInputs):
        return inputs
    arrays: dict[str, Any] = {name: tensor.numpy() for name, tensor in inputs.pretrained.items()}
    return dataclasses.replace(inputs, pretrained=arrays)


def restored(inputs: Inputs) -> Inputs:
    """What `portable` was made of."""
    if not isinstance(inputs, TrainingInputs):
        return inputs
    return dataclasses.replace(inputs, pretrained=tensors(inputs.pretrained))


def tensors(arrays: Mapping[str, Any]) -> dict[str, Tensor]:
    """Arrays as tensors over the same memory, which belongs to the object store: nobody writes into it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return {name: torch.from_numpy(array) for name, array in arrays.items()}
