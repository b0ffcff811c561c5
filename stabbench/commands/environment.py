"""What a command finds in its environment."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from stabbench.command_line import Command, placeholders, words
from stabbench.errors import UserError
from stabbench.recording.format import NAME_VARIABLES, OUT, SEED

DATA = "STABBENCH_DATA"
ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""As many runs as there are cores are trained at once; an environment that sets them has its own way."""

SEES_ITS_SEED = (SEED, "stabbench.record", "StabilityCallback")
"""Words of a script that finds its seed itself."""


def check_seed(command: Command, code: Iterable[Path]) -> None:
    """UserError where neither a command nor the code that it names says where its seed goes."""
    if any(name == "seed" or name.startswith("seed.") for name in placeholders(command)):
        return
    texts = [" ".join(words(command)), *(path.read_text(errors="replace") for path in code)]
    if not any(sign in text for text in texts for sign in SEES_ITS_SEED):
        raise UserError(
            "the command does not say where its seed goes, so that all runs would be one: write {seed} where it takes "
            f"it (python train.py --seed {{seed}}), or read ${SEED} in the script"
        )


def variables(values: Mapping[str, object]) -> dict[str, str]:
    """The folder, the seed and the names of a run; one thread, unless it says otherwise."""
    threads = {name: "1" for name in ONE_THREAD if name not in os.environ}
    names = {OUT: "out", SEED: "seed", DATA: "data", **{NAME_VARIABLES[name]: name for name in NAME_VARIABLES}}
    return threads | {variable: str(values[name]) for variable, name in names.items() if name in values}
