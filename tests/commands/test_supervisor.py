"""A supervisor that is killed itself leaves no command behind, and its run is an error that says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stabbench.commands import supervisor
from stabbench.commands.process import CommandError, run_command
from tests.commands.sleepers import odd, running
from tests.faults.processes import wait_until

TWO = ["bash", "-c", f"sleep {odd()} & sleep {odd()}; exit 0"]
"""A command that starts two more."""


def parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def test_the_command_ends_with_all_of_its_group_and_its_run_says_why(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as threads:
        run = threads.submit(run_command, TWO, tmp_path, tmp_path, {}, None)
        assert wait_until(lambda: len(running(odd())) == 2)
        command = parent(running(odd())[0])
        os.kill(parent(command), signal.SIGKILL)
        with pytest.raises(CommandError, match="the process that supervises it, which signal 9 killed"):
            run.result()
    assert wait_until(lambda: not running(odd()), 10)


@pytest.mark.skipif(not supervisor.LINUX, reason="Linux alone ends a process with its parent")
def test_the_command_itself_ends_also_where_nobody_is_left_to_look() -> None:
    words = ["sleep", odd()]
    with subprocess.Popen([sys.executable, supervisor.__file__, str(os.getpid()), *words]) as supervised:
        assert wait_until(lambda: bool(running(odd())))
        supervised.kill()
    assert wait_until(lambda: not running(odd()), 10)
