"""Ctrl-C and SIGTERM as one exception, which is raised where nothing is half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """This process was asked to end by `signal`; its notes say what is done and what is left."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = signal.Signals(number)

    @property
    def status(self) -> int:
        """The exit status that tells of the signal: 130 after Ctrl-C, 143 after SIGTERM."""
        return 128 + self.signal

    def __str__(self) -> str:
        by = "Ctrl-C" if self.signal == signal.SIGINT else self.signal.name
        return ": ".join([f"Stopped by {by}", *getattr(self, "__notes__", [])])


class _Requests:
    """The first signal that came, and whether one is held back now."""

    asked: int | None = None
    held = False


@contextmanager
def signals_as_exceptions() -> Iterator[None]:
    """In this block SIGINT and SIGTERM raise `Stopped` in the main thread; a signal that is ignored stays so.

    Once that has happened the process is ending, and further signals say nothing new: they are ignored from then on.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _Requests.asked = None
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _hear) for number in heard}
    try:
        yield
    except Stopped:
        before = dict.fromkeys(heard, signal.SIG_IGN)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _Requests.asked = None


def _hear(number: int, frame: FrameType | None) -> None:
    if _Requests.asked is None:
        _Requests.asked = number
    if not _Requests.held:
        raise Stopped(_Requests.asked)


@contextmanager
def deferred_signals() -> Iterator[None]:
    """What is begun in this block is finished: a signal counts where `interruptible` or `check_signals` lets it,
    or at its end. In a thread beside the main one, which hears of none, this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held, _Requests.held = _Requests.held, True
    try:
        yield
    finally:
        _Requests.held = held
    if not held:
        check_signals()


@contextmanager
def interruptible() -> Iterator[None]:
    """A wait inside of `deferred_signals`, where nothing is half done: a signal counts at once."""
    check_signals()
    held, _Requests.held = _Requests.held, False
    try:
        yield
    finally:
        _Requests.held = held


def check_signals() -> None:
    """Raise `Stopped` where a signal has come."""
    if _Requests.asked is not None:
        raise Stopped(_Requests.asked)


@contextmanager
def shielded_from_ctrl_c(*, spawning: bool) -> Iterator[None]:
    """Processes that are started in this block (by spawning or forking) never hear Ctrl-C, which terminals send to all.

    Whoever started them does, and ends them when it is time.
    """
    if spawning:
        from multiprocessing import resource_tracker

        resource_tracker.ensure_running()  # else it would be started with the first of them, and lift the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def status_when_stopped(tell: Callable[[], str]) -> Iterator[None]:
    """Where this block is stopped, the message has what `tell` says of what is done and what is left."""
    try:
        yield
    except Stopped as stop:
        stop.add_note(tell())
        raise
