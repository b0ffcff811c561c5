"""Groups of points, such as the rows of a grid, measured on all cores; what is done is kept through a kill."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import torch

from stabbench.errors import UserError
from stabbench.execution.settings import Settings
from stabbench.files import read_json, write_json
from stabbench.models import families
from stabbench.probes.surface.plane import Plane, PlaneInputs, Point
from stabbench.signals import Stopped
from stabbench.watchdog import die_with_parent

Values = list[tuple[float, float]]
"""(loss, gradient norm) of each point; NaN where a number was not finite."""

MOST_STACKED = 32
_COPIES = 12
"""Weights, gradients and activations of a stacked point, in sizes of its weights: a cautious guess."""


def measure_groups(
    inputs: PlaneInputs,
    groups: Mapping[str, Sequence[Point]],
    folder: Path,
    settings: Settings,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Values]:
    """The values of every group of points, in the order of `groups`.

    Each group is written to `folder` as soon as it is measured and taken from there where it has been already, so that
    a kill loses at most the groups in progress. Raises UserError where the system killed a worker.
    """
    found = {name: values for name in groups if (values := _kept(folder / f"{name}.json")) is not None}
    missing = {name: list(points) for name, points in groups.items() if name not in found}
    progress(len(found), len(groups))
    for name, values in _measured(inputs, missing, settings):
        found[name] = [(_finite(loss), _finite(norm)) for loss, norm in values]
        _keep(folder / f"{name}.json", found[name])
        progress(len(found), len(groups))
    return {name: found[name] for name in groups}


def _measured(
    inputs: PlaneInputs, groups: Mapping[str, list[Point]], settings: Settings
) -> Iterator[tuple[str, Values]]:
    workers = min(settings.workers, len(groups))
    if settings.device == "cpu" and workers > 1:
        yield from _in_processes(inputs, groups, workers)
    elif groups:
        torch.set_num_threads(1)
        plane = Plane(inputs, settings.device, stack_size(inputs, settings))
        for name, points in groups.items():
            yield name, plane.at(points)


def _in_processes(inputs: PlaneInputs, groups: Mapping[str, list[Point]], workers: int) -> Iterator[tuple[str, Values]]:
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(inputs, os.getpid()))
    try:
        futures = {pool.submit(_work, points): name for name, points in groups.items()}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except Stopped:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    except BrokenProcessPool as error:
        raise UserError(
            "the system ended a worker process (too little memory?): start again with fewer --workers; "
            "what is measured is kept"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


_plane: Plane | None = None


def _start(inputs: PlaneInputs, parent: int) -> None:
    global _plane
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    torch.set_num_threads(1)
    _plane = Plane(inputs)


def _work(points: list[Point]) -> Values:
    assert _plane is not None
    return _plane.at(points)


def stack_size(inputs: PlaneInputs, settings: Settings) -> int:
    """Points side by side: one on a CPU, on a GPU what the setting says, else what its free memory allows.

    One, too, where the model is computed for one run at a time.
    """
    if not families.of(inputs.architecture).capabilities.stacks:
        return 1
    if settings.device == "cpu" or settings.stacked_seeds is not None:
        return settings.stacked_seeds or 1
    size = sum(tensor.numel() * tensor.element_size() for tensor in inputs.corners[0].values())
    free, _ = torch.cuda.mem_get_info(settings.device)
    return max(1, min(MOST_STACKED, free // (_COPIES * size)))


def _finite(value: float) -> float:
    return value if math.isfinite(value) else math.nan


def _keep(path: Path, values: Values) -> None:
    write_json(path, [[None if math.isnan(number) else number for number in pair] for pair in values])


def _kept(path: Path) -> Values | None:
    if not path.exists():
        return None
    return [(math.nan if loss is None else loss, math.nan if norm is None else norm) for loss, norm in read_json(path)]
