"""`python -m stabbench` is the `stabbench` command."""

import atexit
import gc

from stabbench.cli import main

MADE_BEFORE_COLLECTING = 50_000
"""Objects: as many as Python makes by itself in 70 rounds. Imports alone make half a million, none of them garbage."""


def run() -> None:
    """The command as a process of its own."""
    gc.set_threshold(MADE_BEFORE_COLLECTING)  # a sixth of the time that `stabbench train` takes to start
    atexit.register(gc.freeze)  # at its end nobody looks for garbage, which takes a second after a large report
    main()


if __name__ == "__main__":
    run()
