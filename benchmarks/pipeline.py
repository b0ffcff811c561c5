"""How the time of a whole `dvc repro` splits into training and everything else."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import stage_clock
from benchmarks.project import Project, environment
from stabbench.errors import UserError
from stabbench.execution.settings import available_cores
from stabbench.files import read_json

TARGET = 0.15
"""Tracking, records, start-up and evaluation together should take less than this share."""
WALL_TARGET_SECONDS = 900.0
WORK = ("prepare", "pretrain", "probe", "report")
"""Commands whose time is what the user asked for, beside training."""
BETWEEN = "start-up, records and waiting in `stabbench train`"
Say = Callable[[str], None]


def measure_run(*, quick: bool, grid_only: bool, say: Say) -> dict[str, Any]:
    """The part `pipeline`: `dvc repro` of the demo preset in a fresh folder, every command timed.

    `grid_only` leaves out the preset's studies and probes.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder, scripts = Path(temporary) / "project", Path(temporary) / "scripts"
        folder.mkdir()
        clock = Path(temporary) / "clock.jsonl"
        variables = environment(scripts)
        _write_script(scripts, clock)
        for command in (["git", "init", "--quiet"], ["dvc", "init", "--quiet"]):
            subprocess.run(command, cwd=folder, env=variables, check=True)
        project = Project(folder, "demo")
        if grid_only:
            project.change({"studies": {}, "probes": {}})
        if quick:
            project.change(_SMALL)
        began = time.perf_counter()
        done = subprocess.run(["dvc", "repro"], cwd=folder, env=variables, capture_output=True, text=True, check=False)
        wall = time.perf_counter() - began
        if done.returncode != 0:
            raise RuntimeError(f"`dvc repro` failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
        commands = [json.loads(line) for line in clock.read_text(encoding="utf-8").splitlines()]
        found = _split_of_run(project.records(), commands, wall, available_cores())
    found["how"] = (
        f"`dvc repro` of the preset demo{', studies and probes left out,' if grid_only else ''} in a fresh folder"
    )
    say(_summary(found))
    return found


_SMALL = {
    "seeds": "1-2",
    "grid": {"models": ["embedded"], "tasks": ["acceptability"], "strategies": ["devlin", "mixout"]},
    "studies": {},
    "probes": {},
    "tasks.acceptability.train_size": 32,
    "tasks.acceptability.dev_size": 32,
}


def _write_script(folder: Path, clock: Path) -> None:
    folder.mkdir()
    plain = (sys.executable, "-I", "-S", stage_clock.__file__, str(clock))  # a bare Python, which starts at once
    words = " ".join(shlex.quote(word) for word in plain)
    script = folder / "stabbench"
    script.write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
    script.chmod(0o755)


def measure_folder(folder: Path, wall: float | None, workers: int | None, say: Say) -> dict[str, Any]:
    """The part `pipeline` from the records of a finished project folder; `wall` is how long its `dvc repro` took.

    Raises UserError where the folder holds no records.
    """
    paths = sorted((folder / "runs").glob("*/*/*/seed-*/provenance.json"))
    if not paths:
        raise UserError(f"{folder}: there are no records in runs/, expected a project folder after `dvc repro`")
    records = [{**read_json(path.with_name("record.json")), "provenance": read_json(path)} for path in paths]
    count = workers or available_cores()
    training, evaluation = _busy(records, "training") / count, _busy(records, "evaluation") / count
    found: dict[str, Any] = {"how": "records of a finished folder", **_facts(records, count), "wall_seconds": wall}
    split = {"training": training, "evaluation": evaluation}
    if wall is not None:
        split["all else, preparing and pretraining included"] = wall - training - evaluation
    found["split"] = _in_order(split)
    say(_summary(found))
    return found


def _split_of_run(
    records: Sequence[Mapping[str, Any]], commands: Sequence[Mapping[str, Any]], wall: float, workers: int
) -> dict[str, Any]:
    stages: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for entry in commands:
        stage = stages[entry["command"]]
        stage["commands"] += 1
        for name in ("seconds", "cpu_seconds", "own_cpu_seconds"):
            stage[name] += entry[name] or 0.0
    training, evaluation = _busy(records, "training") / workers, _busy(records, "evaluation") / workers
    split = {
        "training": training,
        **{name: stages[name]["seconds"] for name in WORK if name in stages},
        "evaluation": evaluation,
        BETWEEN: stages["train"]["seconds"] - training - evaluation,
        **{name: stage["seconds"] for name, stage in stages.items() if name not in (*WORK, "train")},
        "DVC itself": wall - sum(stage["seconds"] for stage in stages.values()),
    }
    overhead = wall - sum(split.get(name, 0.0) for name in ("training", *WORK))
    hidden = stages["train"]["own_cpu_seconds"] / workers
    return {
        **_facts(records, workers),
        "wall_seconds": wall,
        "wall_target_seconds": WALL_TARGET_SECONDS,
        "stages": {name: dict(stage) for name, stage in stages.items()},
        "split": _in_order(split),
        "overhead_seconds": overhead,
        "overhead_share": overhead / wall,
        "overhead_share_at_most": (overhead + hidden) / wall,
        "target_share": TARGET,
    }


def _in_order(split: Mapping[str, float]) -> list[dict[str, Any]]:
    return [{"part": name, "seconds": seconds} for name, seconds in split.items()]


def _busy(records: Sequence[Mapping[str, Any]], what: str) -> float:
    """Seconds of all workers together; runs that were trained side by side share theirs."""
    seen = [record["provenance"] for record in records]
    return float(sum(entry["seconds"].get(what, 0.0) / entry["stacked_seeds"] for entry in seen))


def _facts(records: Sequence[Mapping[str, Any]], workers: int) -> dict[str, Any]:
    steps = sum(record.get("total_steps", 0) for record in records)
    return {"runs": len(records), "steps": steps, "workers": workers}


def _summary(found: Mapping[str, Any]) -> str:
    shares = ", ".join(f"{entry['part']} {entry['seconds']:.1f} s" for entry in found["split"])
    wall = "unknown" if found["wall_seconds"] is None else f"{found['wall_seconds']:.1f} s"
    return f"{found['runs']} runs, {wall} in all: {shares}"
