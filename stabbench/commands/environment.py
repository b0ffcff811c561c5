"""What a command finds in its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

from stabbench.recording.format import NAME_VARIABLES, OUT, SEED

DATA = "STABBENCH_DATA"
ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""As many runs as there are cores are trained at once; an environment that sets them has its own way."""


def variables(values: Mapping[str, object]) -> dict[str, str]:
    """The folder, the seed and the names of a run; one thread, unless it says otherwise."""
    threads = {name: "1" for name in ONE_THREAD if name not in os.environ}
    names = {OUT: "out", SEED: "seed", DATA: "data", **{NAME_VARIABLES[name]: name for name in NAME_VARIABLES}}
    return threads | {variable: str(values[name]) for variable, name in names.items() if name in values}
