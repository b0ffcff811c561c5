"""Processes that help this one for a while: they draw the figures of a report."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager

from stabbench.lifeline import die_with_parent
from stabbench.stopping import shielded_from_ctrl_c


@contextmanager
def processes(count: int, load: Callable[[], None]) -> Iterator[Executor | None]:
    """So many processes, which start at once and `load` what they need; None for less than two.

    They end with this one, however it ends. They are spawned, so that a script that asks for some needs
    `if __name__ == "__main__":`.
    """
    if count < 2:
        yield None
        return
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(count, context, initializer=_begin, initargs=(os.getpid(), load))
    try:
        with shielded_from_ctrl_c(spawning=True):
            executor.submit(_nothing)  # the first task starts them all
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)


def _begin(parent: int, load: Callable[[], None]) -> None:
    die_with_parent(parent)
    load()


def _nothing() -> None:
    pass
