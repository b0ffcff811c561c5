"""Processes that help this one for a while: they draw the figures of a report, and share in its statistics."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TypeVar, cast

from stabbench.signals import shielded_from_ctrl_c
from stabbench.watchdog import die_with_parent

Item = TypeVar("Item")
Found = TypeVar("Found")


@contextmanager
def processes(count: int) -> Iterator[Executor | None]:
    """So many processes, this one among them; None for one alone. Import what they need before.

    The others end with this one, however it ends. They are forked where that is safe (Linux), which spares them the
    imports; elsewhere they are spawned, and a script that asks for some needs `if __name__ == "__main__":`. Each
    computes with one thread: together they have the cores.
    """
    if count < 2:
        yield None
        return
    method = "fork" if sys.platform == "linux" else "spawn"
    context = multiprocessing.get_context(method)
    with one_thread():
        executor = ProcessPoolExecutor(count - 1, context, initializer=_begin, initargs=(os.getpid(),))
        try:
            with shielded_from_ctrl_c(spawning=method == "spawn"):
                executor.submit(os.getpid)  # the first task starts them all
            yield executor
        finally:
            executor.shutdown(cancel_futures=True)


def one_thread() -> AbstractContextManager[object]:
    """Matrix products on one thread from here on, or in a `with` block only."""
    from threadpoolctl import threadpool_limits  # here, as whoever reads records by himself needs none of this

    return cast(AbstractContextManager[object], threadpool_limits(1))


def parallel_map(executor: Executor | None, function: Callable[[Item], Found], items: Sequence[Item]) -> list[Found]:
    """`function` of each item, in order: this process works through them from the end, the executor's from the start.

    What a killed process leaves is done here, and everything is where there is no executor.
    """
    if executor is None or len(items) < 2:
        return [function(item) for item in items]
    futures: list[Future[Found]] = []
    with suppress(BrokenExecutor):
        futures += (executor.submit(function, item) for item in items)
    found: dict[int, Found] = {}
    for index in reversed(range(len(items))):
        if index >= len(futures) or futures[index].cancel():
            found[index] = function(items[index])
    for index, item in enumerate(items):
        if index not in found:
            try:
                found[index] = futures[index].result()
            except BrokenExecutor:
                found[index] = function(item)
    return [found[index] for index in range(len(items))]


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Without garbage collection: for work that keeps all it makes to its end, a fifth of whose time that search takes.

    Processes that are started meanwhile do collect theirs.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _begin(parent: int) -> None:
    gc.enable()
    one_thread()
    die_with_parent(parent)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
