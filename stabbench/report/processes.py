"""Processes that draw the figures of a report."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager

from stabbench.stopping import shielded_from_ctrl_c


@contextmanager
def processes(count: int) -> Iterator[Executor | None]:
    """So many processes, which start at once and load what they need; None for less than two.

    They are spawned, so that a script that asks for some needs `if __name__ == "__main__":`.
    """
    if count < 2:
        yield None
        return
    executor = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=_load)
    try:
        with shielded_from_ctrl_c(spawning=True):
            executor.submit(_load)  # the first task starts them all
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)


def _load() -> None:
    import stabbench.report.figures.rendering  # noqa: F401
