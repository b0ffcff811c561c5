"""A stop counts in the main thread, whatever other threads are finishing."""

from __future__ import annotations

import signal
import threading

import pytest

from stabbench.signals import Stopped, check_signals, deferred_signals, signals_as_exceptions


def stopped_before(done: list[str]) -> None:
    with signals_as_exceptions():
        signal.raise_signal(signal.SIGINT)
        done.append("what follows")
        check_signals()


def test_a_thread_that_finishes_something_meanwhile_leaves_no_signal_held_back() -> None:
    begun, ending = threading.Event(), threading.Event()

    def finish() -> None:
        with deferred_signals():
            begun.set()
            ending.wait(10)

    thread = threading.Thread(target=finish)
    thread.start()
    begun.wait(10)
    with deferred_signals():
        ending.set()
        thread.join()
    done: list[str] = []
    with pytest.raises(Stopped):
        stopped_before(done)
    assert done == []


def test_a_signal_waits_for_what_is_being_finished_in_the_main_thread() -> None:
    done: list[str] = []
    with pytest.raises(Stopped), deferred_signals():
        stopped_before(done)
    assert done == ["what follows"]
