"""`python -m benchmarks.cost`: docs/cost.md, what a large grid costs on 1, 8 and 64 GPUs by the time of an update."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pandas as pd

from benchmarks.tables import table
from stabbench.files import read_json, write_text
from stabbench.training.memory import balanced

ROOT = Path(__file__).resolve().parent.parent
GPU_REPORT = ROOT / "reports" / "benchmarks" / "gpu.json"
STRATEGY_RUNS = ROOT / "reports" / "stabilisers" / "tables" / "scores.csv"
STABILISERS_EPOCH = 12
"""Updates of an epoch in that report: 192 examples, 16 a batch."""
PAGE = ROOT / "docs" / "cost.md"
MODEL = "bert-large"

SEEDS, BATCH, EVALUATIONS_AN_EPOCH, EVALUATION_SHARE = 25, 16, 3, 1 / 3
"""A batch of dev examples takes a third of an update: one of its three products a layer (forward, twice backward)."""
GPUS = (1, 8, 64)
STRATEGIES = (
    "devlin", "devlin-bc", "mosbach", "mixout", "reinit", "llrd", "pretrained-decay", "l2-sp", "child-tuning-d",
    "recadam", "lp-ft", "ema", "r3f", "freelb", "smart",
)  # fmt: skip


@dataclass(frozen=True)
class Task:
    """Examples of a task, and whose update time it is given."""

    name: str
    train: int
    dev: int
    timed_as: str = "rte"

    @property
    def updates(self) -> int:
        """Of an epoch."""
        return math.ceil(self.train / BATCH)


FULL = (
    Task("RTE", 2490, 277),
    Task("MRPC", 3668, 408),
    Task("CoLA", 8551, 1043, "cola"),
    Task("SciTail", 23596, 1304),
    Task("QNLI", 104743, 5463),
)
TASKS = (*FULL, *(Task(f"{task.name}, 1,000 examples", 1000, task.dev, task.timed_as) for task in FULL))


@dataclass(frozen=True)
class UpdateTime:
    """Milliseconds of one seed's update by task, lowest and highest, and how many seeds train side by side."""

    milliseconds: Mapping[str, tuple[float, float]]
    stacked_seeds: int
    origin: str


ESTIMATED = UpdateTime(
    {"rte": (7.0, 8.0), "cola": (7.0, 8.0)},
    8,
    "**estimated, not measured**, when the project was designed: an H200, bf16, 1,100 tokens a batch, 8 seeds side by "
    "side, updates compiled. CoLA's batches are a sixth of that and are counted like RTE's",
)
TRAINER = (25.0, 35.0)
"""The same estimate of Hugging Face's `Trainer`, bf16, padded to 128."""


@dataclass(frozen=True)
class Passes:
    """What a strategy's training consists of."""

    epochs: float
    passes: float
    """Forward and backward passes of an update."""


def update_time(report: Mapping[str, Any]) -> UpdateTime:
    """From the GPU benchmark's report where it measured BERT-large in bf16 on both tasks; else the estimate."""
    found = [
        part
        for part in report.get("parts", {}).values()
        if part.get("model") == MODEL and part.get("precision") == "bf16" and part.get("strategy") == "plain"
        if part.get("runs") is None and "ms_a_seed_step" in part
    ]
    best = {task: min((p for p in found if p["task"] == task), key=_time, default=None) for task in ("rte", "cola")}
    chosen = [part for part in best.values() if part is not None]
    if len(chosen) < len(best):
        return ESTIMATED
    device = report["machine"]["device"]
    return UpdateTime(
        {part["task"]: (_time(part), _time(part)) for part in chosen},
        min(int(part["stacked_seeds"]) for part in chosen),
        f"measured on {device} ([the GPU benchmark](../reports/benchmarks/gpu.md)), bf16",
    )


def passes_by_strategy(runs: pd.DataFrame) -> dict[str, Passes]:
    """Epochs and passes of an update as the records of the report on all stabilisers have them."""
    sums = runs.groupby("strategy")[["steps", "tokens"]].sum()
    tokens = sums["tokens"] / sums["steps"]
    steps = runs.groupby("strategy")["steps"].max()
    return {
        str(name): Passes(float(steps[name]) / STABILISERS_EPOCH, float(round(tokens[name] / tokens["devlin"], 2)))
        for name in STRATEGIES
    }


def run_updates(task: Task, strategy: Passes) -> float:
    """The cost of one run in updates of one pass, evaluations included."""
    evaluations = strategy.epochs * EVALUATIONS_AN_EPOCH * math.ceil(task.dev / BATCH) * EVALUATION_SHARE
    return strategy.epochs * task.updates * strategy.passes + evaluations


def hours(time: UpdateTime, strategies: Mapping[str, Passes], tasks: Sequence[Task], gpus: int, bound: int) -> float:
    """Until the last run is done, where groups of seeds go to GPUs, the longest first; `bound` 0 or 1: low or high."""
    sizes = balanced(SEEDS, time.stacked_seeds)
    jobs = [
        size * run_updates(task, strategy) * time.milliseconds[task.timed_as][bound]
        for task in tasks
        for strategy in strategies.values()
        for size in sizes
    ]
    free = [0.0] * gpus
    for job in sorted(jobs, reverse=True):
        heapq.heapreplace(free, free[0] + job)
    return max(free) / 3_600_000


def page(time: UpdateTime, strategies: Mapping[str, Passes]) -> str:
    """docs/cost.md."""

    def span(gpus: int, tasks: Sequence[Task] = TASKS, of: UpdateTime = time) -> str:
        low, high = (hours(of, strategies, tasks, gpus, bound) for bound in (0, 1))
        return _hours(low) if _hours(low) == _hours(high) else f"{_hours(low)}–{_hours(high)}"

    updates = sum(run_updates(task, each) for task in TASKS for each in strategies.values()) * SEEDS
    shown = {
        name: f"{low:g}" if low == high else f"{low:g}–{high:g}" for name, (low, high) in time.milliseconds.items()
    }
    trainer = UpdateTime(dict.fromkeys(time.milliseconds, TRAINER), 1, "")
    small = [task for task in TASKS if task.train < 10_000]
    rows = [
        ["all ten tasks", *(span(gpus) for gpus in GPUS)],
        ["without SciTail and QNLI in full", *(span(gpus, small) for gpus in GPUS)],
        ["all ten, by `Trainer` (estimated)", *(span(gpus, TASKS, trainer) for gpus in GPUS)],
    ]
    of_tasks = [[task.name, f"{task.train:,}", f"{task.updates:,}", f"{task.dev:,}", span(1, [task])] for task in TASKS]
    of_strategies = [
        [name, f"{each.epochs:g}", f"{each.passes:g}", f"{each.epochs * each.passes:g}"]
        for name, each in strategies.items()
    ]
    return "\n\n".join(
        [
            "# What a large grid costs",
            "Written by `python -m benchmarks.cost`; change nothing here by hand.",
            f"**{SEEDS} seeds × {len(TASKS)} tasks × {len(strategies)} strategies × BERT-large** are "
            f"{SEEDS * len(TASKS) * len(strategies):,} runs, as much work as {updates / 1e6:.1f} million updates of "
            "one pass. Hours until the last run is done:",
            table(["GPUs", *(f"{gpus}" for gpus in GPUS)], rows),
            "## The time of an update",
            f"A seed's update takes {shown['rte']} ms (RTE) and {shown['cola']} ms (CoLA): {time.origin}. "
            "`python -m benchmarks.gpu` measures it; this page is then computed from that.",
            "## What is assumed",
            f"- Batches of {BATCH}; {EVALUATIONS_AN_EPOCH} evaluations an epoch, a batch of dev examples at a third of "
            "an update's time.\n"
            "- Tasks of pairs take RTE's time an update, though all but RTE are shorter.\n"
            f"- Up to {time.stacked_seeds} seeds train side by side (about 7 GB each), so {SEEDS} seeds of a cell are "
            f"{len(balanced(SEEDS, time.stacked_seeds))} groups; a GPU is given a group at a time, the longest first, "
            "to the GPU that is free first. On 64 GPUs that leaves some idle at the end, which is in the figure.\n"
            "- An update costs its passes: a strategy whose update has three forward and backward passes takes three "
            "times as long. Its own arithmetic is left out, and so is that strategies with hooks in the update run "
            "uncaptured.\n"
            "- Start-up, compiling, reading data and the time that a shared folder takes are left out.",
            "## Tasks",
            table(["task", "train", "updates an epoch", "dev", "hours on 1 GPU"], of_tasks),
            "## Strategies",
            "Epochs and passes are those of [the report on all stabilisers](../reports/stabilisers/tables/scores.csv): "
            "its records count steps and the tokens of every pass.",
            table(["strategy", "epochs", "passes an update", "passes over the data"], of_strategies),
            "",
        ]
    )


def current() -> str:
    """The page by what the repository holds now."""
    report = read_json(GPU_REPORT) if GPU_REPORT.is_file() else {}
    return page(update_time(report), passes_by_strategy(pd.read_csv(STRATEGY_RUNS)))


@click.command()
def main() -> None:
    """Write docs/cost.md."""
    write_text(PAGE, current())
    click.echo(f"wrote {PAGE}")


def _time(part: Mapping[str, Any]) -> float:
    return float(part["ms_a_seed_step"])


def _hours(value: float) -> str:
    return f"{value:.0f} h" if value >= 10 else f"{value:.1f} h" if value >= 1 else f"{60 * value:.0f} min"


if __name__ == "__main__":
    main()
