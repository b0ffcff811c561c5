"""How cost grows with seeds, training examples and sequence length, for a small model."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.contenders import Contender, Group
from benchmarks.ours import RECIPE, Job
from benchmarks.project import SMALL, Project
from benchmarks.texts import DISTRIBUTIONS, TaskTexts, drawn, of_length
from stabbench.execution.settings import available_cores

SEEDS = (1, 2, 5, 10, 25, 50)
EXAMPLES = (250, 500, 1000, 2000, 4000)
LENGTHS = (16, 32, 48, 64, 96, 128)
EXAMPLES_OF_A_LENGTH = 320
REPEATS = 3
FEW_SEEDS = 10


def measure(*, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """The part `scaling` of the report."""
    seeds, examples, lengths = (SEEDS[:2], EXAMPLES[:2], LENGTHS[:2]) if quick else (SEEDS, EXAMPLES, LENGTHS)
    found = {
        "model": SMALL.name,
        "recipe": {"epochs": RECIPE.epochs, "batch_size": RECIPE.batch_size},
        "seeds": _by_seeds(seeds, 32 if quick else 320, say),
        "examples": _by_examples(examples, quick, say),
        "lengths": _by_lengths(lengths, quick, say),
    }
    return {**found, "repeats": REPEATS}


def _by_seeds(counts: Sequence[int], train_size: int, say: Callable[[str], None]) -> dict[str, Any]:
    """`stabbench train` of 1, 2, … seeds, each from nothing: seconds from the command's start to its end.

    Of few seeds the median of several tries: what is asked for is what the command costs beside the trainings.
    """
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder), "demo")
        block = {"dataset": "acceptability", "train_size": train_size, "dev_size": 320}
        project.use_small_model("acceptability", block, "1")
        for count in counts:
            project.change({"seeds": f"1-{count}"})
            tries = []
            for _ in range(REPEATS if count <= FEW_SEEDS else 1):
                for made in (".stabbench", "runs"):
                    shutil.rmtree(project.folder / made, ignore_errors=True)
                tries.append(project.stabbench("train"))
            seconds.append(median(tries))
            say(f"{count} seeds: {seconds[-1]:.1f} s")
        steps = project.records()[0]["total_steps"]
    slope, fixed = np.polyfit(counts, seconds, 1).tolist()
    return {
        "task": block,
        "steps_a_run": steps,
        "points": [{"seeds": count, "seconds": took} for count, took in zip(counts, seconds, strict=True)],
        "tries": {"of_seeds_up_to": FEW_SEEDS, "number": REPEATS},
        "fixed_seconds": fixed,
        "seconds_a_seed": slope,
    }


def _by_examples(counts: Sequence[int], quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Whole trainings of 3 epochs over texts with CoLA's lengths, one on every core."""
    known = DISTRIBUTIONS["cola"]
    dev = drawn(known, 500, seed=2)
    jobs = [_job(TaskTexts(str(count), drawn(known, count, seed=1), dev, "drawn"), quick) for count in counts]
    seconds = _whole_trainings(jobs)
    for count, took in zip(counts, seconds, strict=True):
        say(f"{count:,} examples: {took:.2f} s a training")
    return {"points": [{"examples": n, "seconds": took} for n, took in zip(counts, seconds, strict=True)]}


def _by_lengths(lengths: Sequence[int], quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Whole trainings of 3 epochs over texts of one length each, one on every core."""
    count = EXAMPLES_OF_A_LENGTH
    texts = [(of_length(length, count, seed=1), of_length(length, 16, seed=2)) for length in lengths]
    seconds = _whole_trainings([_job(TaskTexts("", train, dev, "drawn"), quick) for train, dev in texts])
    for length, took in zip(lengths, seconds, strict=True):
        say(f"length {length}: {took:.2f} s a training")
    points = [{"length": length, "seconds": took} for length, took in zip(lengths, seconds, strict=True)]
    return {"examples": count, "points": points}


def _job(texts: TaskTexts, quick: bool) -> Job:
    return Job(SMALL, texts, replace(RECIPE, evaluations_per_epoch=1, total_steps=2 if quick else None))


def _whole_trainings(jobs: Sequence[Job]) -> list[float]:
    """Seconds of each job's training: the median over repeats and processes, all cores busy."""
    cores = available_cores()
    trainer = Contender("whole", "whole trainings", cores, 1, "benchmarks.whole_training:run")
    with Group(trainer, tuple(jobs)) as group:
        group.ready()
        group.run(1)
        seconds: list[list[float]] = [[] for _ in jobs]
        for _ in range(REPEATS):
            for number, times in enumerate(seconds):
                times += [span.seconds for span in group.run(number + 1)]
        group.close()
    return [median(times) for times in seconds]
