"""Processes that help this one for a while: they draw the figures of a report, and share in its statistics."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Generic, TypeVar, cast

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
    shared = Shared(executor, function)
    for item in items:
        shared.add(item)
    return shared.finish()


class Shared(Generic[Item, Found]):
    """`function` of items that are added one by one: an executor's processes begin at once, this one helps to finish.

    Each process has one item ahead, and no more is handed over than they can begin with: what is handed over and then
    cancelled would be left behind if a process were killed, and the executor of Python 3.11 would never end.
    """

    def __init__(self, executor: Executor, function: Callable[[Item], Found]) -> None:
        self._executor, self._function = executor, function
        self._items: list[Item] = []
        self._left: deque[int] = deque()
        self._begun: dict[int, Future[Found]] = {}
        self._here: dict[int, Found] = {}
        self._free = getattr(executor, "_max_workers", 1) + 1
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def done(self) -> int:
        """How many items there is a result of."""
        return len(self._here) + sum(future.done() for future in list(self._begun.values()))

    def add(self, item: Item) -> None:
        """One more."""
        self._items.append(item)
        self._left.append(len(self._items) - 1)
        self._hand_over()

    def finish(self, progress: Callable[[], object] = lambda: None) -> list[Found]:
        """Work through what nobody has begun with, from the end, and wait for the rest: the results in order.

        `progress` is called before and after each.
        """
        while self._left:
            progress()
            with suppress(IndexError):  # whoever was faster has it
                index = self._left.pop()
                self._here[index] = self._function(self._items[index])
        for index, item in enumerate(self._items):
            progress()
            if index not in self._here:
                with self._lock:
                    future = self._begun.pop(index, None)
                self._here[index] = self._function(item) if future is None else self._result(future, item)
        progress()
        return [self._here[index] for index in range(len(self._items))]

    def _result(self, future: Future[Found], item: Item) -> Found:
        try:
            return future.result()
        except BrokenExecutor:
            return self._function(item)

    def _hand_over(self) -> None:
        with self._lock:
            if not self._free or not self._left:
                return
            index = self._left.popleft()
            try:
                future = self._begun[index] = self._executor.submit(self._function, self._items[index])
            except RuntimeError:  # a process was killed, or the executor is ending
                self._free = 0
                self._left.appendleft(index)
                return
            self._free -= 1
        future.add_done_callback(self._ended)

    def _ended(self, future: Future[Found]) -> None:
        """Called by the executor's own thread, which must not ask a broken executor for anything."""
        if future.cancelled() or isinstance(future.exception(), BrokenExecutor):
            return
        with self._lock:
            self._free += 1
        self._hand_over()


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
