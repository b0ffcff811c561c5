"""Settings of all tests: one thread a process, as the trainer's workers have and no hub."""

from __future__ import annotations

import gc
import os
import signal
from collections import Counter

import pytest

from tests import warm
from tests.skips import UnexpectedSkips

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["HF_HUB_OFFLINE"] = "1"

os.fsync = lambda fd: None  # no test takes the power away, and waiting for the disk is a tenth of their time
gc.disable()  # until all tests are collected: a tenth of the time that the imports take
collect_ignore = ["plugin_package"]
"""A package of its own, whose tests run where it is installed."""


def pytest_configure(config: pytest.Config) -> None:
    """In CI an unexpected skip is a failure; the process that hears of all tests says so.

    The workers share the programs that this process makes while they collect.
    """
    if hasattr(config, "workerinput"):
        return
    if os.environ.get("STABBENCH_CI"):
        config.pluginmanager.register(UnexpectedSkips())
    if config.getoption("numprocesses", None):
        warm.share()


@pytest.fixture(autouse=True)
def signals_are_heard() -> None:
    """A command that was stopped hears no further signals, as it is ending: the tests after it are not."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share what is made once run in one worker (`--dist loadgroup`), so that it is made once.

    With several workers the slow ones come first (`--no-loadscope-reorder`), then the largest groups, and tests that
    share nothing last, so that no group is left for one worker alone.
    """
    for item in items:
        place = _shared_place(item)
        if place is not None and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(place))
    if "PYTEST_XDIST_WORKER" in os.environ:
        slow = Counter(_group(item) for item in items if item.get_closest_marker("slow"))
        tests = Counter(map(_group, items))
        items.sort(key=lambda item: (-slow[_group(item)], -tests[_group(item)]))


def _group(item: pytest.Item) -> str:
    """What runs in one worker: a group of tests, or a test."""
    marker = item.get_closest_marker("xdist_group")
    return item.nodeid if marker is None else str(marker.args[0])


def _shared_place(item: pytest.Item) -> str | None:
    """The outermost file or folder of tests that has a fixture of a test for more than one test; None without any.

    Of a class that keeps to a contract: the class, whose tests share a suite.
    """
    if isinstance(item, pytest.Function) and hasattr(item.cls, "shared_suite"):
        return item.nodeid.rpartition("::")[0]
    found = item._fixtureinfo.name2fixturedefs.values() if isinstance(item, pytest.Function) else ()
    places = {made[-1].baseid for made in found if made[-1].scope != "function"}
    return min((place for place in places if place.startswith("tests")), key=len, default=None)


def pytest_collection_finish(session: pytest.Session) -> None:
    """What was imported stays: looking for garbage in it again and again costs a few per cent."""
    if "PYTEST_XDIST_WORKER" in os.environ and session.config.getoption("loadgroup"):
        grouped = [item for item in session.items if item.get_closest_marker("xdist_group")]
        if any(f"@{_group(item)}" not in item.nodeid for item in grouped):
            raise pytest.UsageError("pytest-xdist does not see the groups of tests: install the pins, `make setup`")
    gc.freeze()
    gc.set_threshold(20_000)
    gc.enable()
