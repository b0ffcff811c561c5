"""Whole contents of plan files and records, for tests that are about other things."""

from __future__ import annotations

from typing import Any

from stabbench.plan import Cell
from stabbench.records import RecordContent
from stabbench.task_facts import BestConstant, TaskFacts


def task_facts(**changes: Any) -> TaskFacts:
    """Facts of a task of two labels, scored with `mcc`."""
    values: dict[str, Any] = {
        "dataset": "acceptability",
        "metric": "mcc",
        "metrics": ("mcc",),
        "label_names": ("no", "yes"),
        "counts": {"train": 160, "dev": 100},
        "sample": None,
        "dev_sample": None,
        "label_shares": {"train": (0.31, 0.69), "dev": (0.31, 0.69)},
        "constant": BestConstant(1, {"mcc": 1}, {"mcc": 0.0}),
        "content_hash": "0" * 64,
    }
    return TaskFacts(**values | changes)


def of_schema_1(cell: Cell) -> dict[str, Any]:
    """The content of the cell's plan file as older versions wrote it."""
    content = cell.to_json() | {"schema_version": 1}
    del content["tensors"], content["task_facts"]["majority"]["labels"]
    return content


def record_content(of: Cell, seed: int, **changes: Any) -> RecordContent:
    """What record.json holds of a run, by its keys: a successful one of ten updates where `changes` do not say else."""
    point = {"step": 10, "epoch": 1.0, "dev_loss": 0.5, "scores": {of.task_facts.metric: 0.4}}
    broken = {"type": "RuntimeError", "message": "it broke", "traceback": "…"}
    data: dict[str, Any] = {
        "fingerprint": of.fingerprint(seed),
        "spec": of.run_spec(seed),
        "status": "ok",
        "metric": of.task_facts.metric,
        "error": broken if changes.get("status") == "error" else None,
        "files": {},
        "diverged_at": 10 if changes.get("status") == "diverged" else None,
        "final": point,
        "best": point,
        "majority": {of.task_facts.metric: 0.0},
        "flags": {"accuracy_at_most_majority": None, "collapsed": False},
        "train_loss": {"last_epoch": 0.5, "final": 0.5, "label_entropy": 0.6},
        "total_steps": 10,
        "steps_per_epoch": 10,
        "warmup_steps": 1,
        "cost": {"steps": 10, "tokens": 100, "flops": 1e6},
        "parameter_groups": [],
        "result_digest": "d",
    }
    return RecordContent.from_json(data | changes)
