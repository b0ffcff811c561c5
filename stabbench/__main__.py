"""`python -m stabbench` is the `stabbench` command."""

import atexit
import gc

from stabbench.cli import main


def run() -> None:
    """The command as a process of its own."""
    atexit.register(gc.freeze)  # at its end nobody looks for garbage, which takes a second after a large report
    main()


if __name__ == "__main__":
    run()
