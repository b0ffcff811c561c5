"""`python -m stabbench` is the `stabbench` command."""

import atexit
import gc
import os
import sys
from dataclasses import dataclass

from stabbench.cli import main

MADE_BEFORE_COLLECTING = 50_000
"""Objects: as many as Python makes by itself in 70 rounds. Imports alone make half a million, none of them garbage."""


@dataclass
class _End:
    """The end of the process, called after all else that is to be done there.

    Python would take apart every module and object, which costs a tenth of a short command's time and a second after
    a large report, for memory that the system takes back anyway.
    """

    status: int | None = None
    """What the process is to end with; None leaves its end to Python, which reports an exception."""

    def __call__(self) -> None:
        if self.status is None:
            return
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except OSError:
            return  # nobody reads what was written, and Python says so by its status
        os._exit(self.status)


def run() -> None:
    """The command as a process of its own."""
    gc.set_threshold(MADE_BEFORE_COLLECTING)  # a sixth of the time that `stabbench train` takes to start
    end = _End()
    atexit.register(end)  # the first to be registered is the last to be called
    try:
        main()
    except SystemExit as asked:
        if isinstance(asked.code, int):
            end.status = asked.code
        raise


if __name__ == "__main__":
    run()
