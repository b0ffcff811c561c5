"""Processes that help: they do a share of the work, and never outlive whoever asked."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from stabbench.processes import parallel_map, processes, without_garbage_collection
from tests.faults.processes import wait_until


def doubled(number: int) -> int:
    return 2 * number


def where(number: int) -> int:
    time.sleep(0.05)
    return os.getpid()


def killed_in_a_helper(number: int) -> int:
    if os.getpid() != int(os.environ["HELPED"]):
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def test_work_is_shared_out_and_comes_back_in_order() -> None:
    with processes(2) as executor:
        assert parallel_map(executor, doubled, range(50)) == [2 * number for number in range(50)]
        workers = parallel_map(executor, where, range(20))
    assert len(set(workers)) == 2
    assert workers[0] != os.getpid()
    assert workers[-1] == os.getpid()


def test_alone_nobody_is_started() -> None:
    with processes(1) as executor:
        assert executor is None
        assert parallel_map(executor, where, range(2)) == [os.getpid()] * 2


def test_what_a_killed_helper_leaves_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELPED", str(os.getpid()))
    with processes(2) as executor:
        for _ in range(2):
            assert parallel_map(executor, killed_in_a_helper, range(10)) == [2 * number for number in range(10)]


def test_a_helper_that_is_killed_late_leaves_nothing_that_would_never_end() -> None:
    script = (
        "import os, signal, time\n"
        "from stabbench.processes import parallel_map, processes\n"
        "HERE = os.getpid()\n"
        "def work(number):\n"
        "    time.sleep(0.01 if os.getpid() == HERE else 0.2)\n"
        "    if number == 0 and os.getpid() != HERE:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return number\n"
        "if __name__ == '__main__':\n"
        "    with processes(4) as executor:\n"
        "        print(parallel_map(executor, work, range(40)) == list(range(40)))\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert (ended.stdout, ended.stderr, ended.returncode) == ("True\n", "", 0)


def test_garbage_is_kept_by_this_process_alone_and_for_the_while() -> None:
    with without_garbage_collection():
        assert not gc.isenabled()
        with processes(2) as executor:
            assert executor is not None
            assert executor.submit(gc.isenabled).result()
    assert gc.isenabled()


def threads() -> set[int]:
    assert np.ones(2) @ np.ones(2) == 2  # by the library whose threads are counted
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_each_of_several_processes_computes_with_one_thread() -> None:
    before = threads()
    with processes(2) as executor:
        assert executor is not None
        assert executor.submit(threads).result() == threads() == {1}
    assert threads() == before


def test_helpers_end_when_whoever_asked_is_killed() -> None:
    script = (
        "import os, signal\n"
        "from stabbench.processes import processes\n"
        "if __name__ == '__main__':\n"
        "    with processes(3) as executor:\n"
        "        print(*{executor.submit(os.getpid).result() for _ in range(50)}, flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    helpers = [int(word) for word in ended.stdout.split()]
    assert helpers
    assert wait_until(lambda: not alive(helpers), 10)


def alive(found: list[int]) -> list[int]:
    states = {number: Path(f"/proc/{number}/stat") for number in found}
    return [
        number for number, stat in states.items() if stat.exists() and stat.read_text().rpartition(")")[2][1] != "Z"
    ]
