"""Settings of the machine: launcher, workers, device, checkpoints; they change no result and are in no plan."""

from __future__ import annotations

import os
from dataclasses import dataclass

from stabbench.errors import UserError, unknown

LAUNCHERS = ("local", "ray")


@dataclass(frozen=True)
class Settings:
    """`workers` processes with one thread each on a CPU; at most `stacked_seeds` runs side by side in each.

    Without a number for the latter it is one on a CPU, elsewhere as many as the device's free memory holds. With the
    launcher `ray` there is a worker for each CPU of a cluster, or `workers` for each of its GPUs.
    """

    workers: int = 1
    device: str = "cpu"
    stacked_seeds: int | None = None
    checkpoint_minutes: float = 10.0
    launcher: str = "local"

    @classmethod
    def from_environment(
        cls,
        *,
        workers: int | None = None,
        device: str | None = None,
        stacked_seeds: int | None = None,
        launcher: str | None = None,
    ) -> Settings:
        """What is given, else what the environment says, else the defaults.

        Variables: STABBENCH_WORKERS, STABBENCH_DEVICE, STABBENCH_STACKED_SEEDS, STABBENCH_CHECKPOINT_MINUTES,
        STABBENCH_LAUNCHER. Raises UserError where one is not a number in its range, or no launcher.
        """
        launcher = launcher or os.environ.get("STABBENCH_LAUNCHER") or "local"
        if launcher not in LAUNCHERS:
            raise unknown("launcher", launcher, LAUNCHERS)
        chosen = device or os.environ.get("STABBENCH_DEVICE") or "cpu"
        default_workers = available_cores() if chosen == "cpu" else 1
        return cls(
            workers=int(workers or _number("STABBENCH_WORKERS", default_workers, 1)),
            device=chosen,
            stacked_seeds=stacked_seeds or int(_number("STABBENCH_STACKED_SEEDS", 0, 1)) or None,
            checkpoint_minutes=_number("STABBENCH_CHECKPOINT_MINUTES", 10.0, 0),
            launcher=launcher,
        )


def _number(name: str, default: float, least: float) -> float:
    text = os.environ.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not value >= least:
        raise UserError(f"{name}: found {text!r}, expected a number of {least:g} or more")
    return value


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
