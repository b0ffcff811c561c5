"""The command ends its process itself: what was to be done at the end is done, and the status is the command's."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import atexit, sys, threading, time
import stabbench.__main__ as program

def late():
    time.sleep(0.2)
    print("a thread's work")

def main():
    atexit.register(print, "registered for the end")
    threading.Thread(target=late).start()
    sys.stdout.write("without a line's end")
    {end}

program.main = main
program.run()
"""


def run(end: str, **streams: int) -> subprocess.CompletedProcess[str]:
    """With its output held back until the end, as into any pipe."""
    found = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-c", PROGRAM.format(end=end)]
    return subprocess.run(command, env=variables, text=True, check=False, **found)  # type: ignore[call-overload,no-any-return]


def test_threads_end_and_what_was_registered_runs_before_the_process_ends_with_the_command_s_status() -> None:
    found = run("sys.exit(3)")
    assert found.returncode == 3
    assert found.stdout == "without a line's enda thread's work\nregistered for the end\n"
    assert found.stderr == ""


def test_an_exception_and_a_message_in_place_of_a_status_end_as_in_any_program() -> None:
    found = run("raise RuntimeError('unforeseen')")
    assert found.returncode == 1
    assert found.stderr.endswith("RuntimeError: unforeseen\n")
    assert found.stdout.endswith("registered for the end\n")
    found = run("sys.exit('what is wrong')")
    assert (found.returncode, found.stderr) == (1, "what is wrong\n")


def test_output_that_nobody_reads_is_an_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    found = run("sys.exit(0)", stdout=writing)
    os.close(writing)
    assert found.returncode == 120, found.stderr
    assert "BrokenPipeError" in found.stderr
