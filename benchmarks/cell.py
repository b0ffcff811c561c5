"""A whole cell of 25 seeds, from the start of the command to records on disk, and the same with `Trainer`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.project import ROOT, SMALL, Project, small_task, timed
from stabbench.files import read_json

TIMED_RUNS = 2
PADDINGS = ("padded", "dynamic")


def measure(*, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """The part `cell` of the report."""
    seeds = 2 if quick else 25
    task, block = small_task(quick)
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder), "demo")
        project.use_small_model(task, block, f"1-{seeds}")
        ours = _ours(project, task, seeds)
        say(f"{seeds} seeds of {SMALL.name}/{task}/devlin: {ours['seconds']:.1f} s from cold start to records")
        rivals = {padding: _trainer(project, task, padding, seeds, 1 if quick else TIMED_RUNS) for padding in PADDINGS}
    for padding, rival in rivals.items():
        rival["times_ours"] = rival["scaled_seconds"] / ours["seconds"]
        say(f"`Trainer`, {padding}: {rival['scaled_seconds']:.0f} s ({rival['times_ours']:.1f}×)")
    return {"model": SMALL.name, "task": task, "task_block": block, "seeds": seeds, "ours": ours, "trainer": rivals}


def _ours(project: Project, task: str, seeds: int) -> dict[str, Any]:
    seconds = project.stabbench("train", "--model", SMALL.name, "--task", task, "--strategy", "devlin")
    records = project.records()
    broken = [record["status"] for record in records if record["status"] == "error"]
    if len(records) != seeds or broken:
        raise RuntimeError(f"{len(records)} records of {seeds} seeds were written, {len(broken)} with an error")
    return {
        "seconds": seconds,
        "steps_a_run": records[0]["total_steps"],
        "training_seconds": sum(record["provenance"]["seconds"]["training"] for record in records),
        "evaluation_seconds": sum(record["provenance"]["seconds"]["evaluation"] for record in records),
    }


def _trainer(project: Project, task: str, padding: str, seeds: int, runs: int) -> dict[str, Any]:
    """The mean of a few runs, each in a fresh process, times the number of seeds."""
    seconds, found = [], {}
    for seed in range(1, runs + 1):
        out = project.folder / f"{padding}-{seed}.json"
        places = (project.folder / "models" / SMALL.name, project.folder / "data" / task)
        command = [sys.executable, "-m", "benchmarks.trainer_run", *map(str, places), padding, str(seed), str(out)]
        seconds.append(timed(command, ROOT, project.variables))
        found = read_json(out)
    return {
        "seconds": seconds,
        "scaled_seconds": mean(seconds) * seeds,
        "steps_a_run": found["steps"],
        "evaluations": found["evaluations"],
        "arguments": found["arguments"],
    }
