"""What the intervals of the level over tasks are worth: how often they hold the truth, simulated.

    python -m benchmarks.calibration_level                 # 10,000 repetitions: half an hour on one core
    python -m benchmarks.calibration_level --repetitions 500 --out quick-calibration

Writes calibration-level.json and calibration-level.md; the same command gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special
from threadpoolctl import threadpool_limits

from benchmarks.calibration_cases import COLLAPSED_AT, COLLAPSED_SHARE, Array
from benchmarks.calibration_tasks_cases import collapsed, heavy, normal
from benchmarks.simulation import CONFIDENCE, bounded, options, write
from benchmarks.tables import table
from stabbench.analysis.level_over_tasks import Estimate, Resamples, improvement, interquartile_mean

TASKS = (2, 4, 10)
SEEDS = (5, 10, 25)
REPETITIONS = 10_000
NOMINAL = 0.95
LEVELS_APART = 2.0
"""Standard deviation of the tasks' levels, in those of a run that trains."""
BETTER = 1.0
"""How much more a run of the first strategy scores."""
_FOR_TRUTH = 2_000_000


@dataclass(frozen=True)
class LevelCase:
    """What both strategies' scores are drawn from, `(repetitions, tasks, seeds)`; the tasks' levels are added."""

    name: str
    words: str
    draw: Callable[[np.random.Generator, int, int, int], Array]


def _every_other(random: np.random.Generator, repetitions: int, tasks: int, seeds: int) -> Array:
    scores = normal(random, repetitions, tasks, seeds)
    falls = random.random(scores.shape) < COLLAPSED_SHARE
    falls[:, 1::2] = False
    return np.where(falls, COLLAPSED_AT, scores)


CASES = (
    LevelCase("normal", "normal scores", normal),
    LevelCase("collapsed", "a fifth of the runs collapsed, 10 sd below", collapsed),
    LevelCase("every other task collapses", "the same on the first, third … task, normal on the others", _every_other),
    LevelCase("heavy tails", "log-normal, downwards", heavy),
)
INTERVALS = {
    "iqm": "interquartile mean, bootstrap",
    "iqm_asymptotic": "asymptotic",
    "improvement": "P(improvement), bootstrap",
    "improvement_asymptotic": "asymptotic",
}


def measure(
    repetitions: int,
    cases: Sequence[LevelCase] = CASES,
    tasks: Sequence[int] = TASKS,
    seeds: Sequence[int] = SEEDS,
) -> dict[str, Any]:
    """Everything that calibration-level.json holds."""
    rows = []
    for number, case in enumerate(cases):
        for k in tasks:
            truth = _truth(case, k, np.random.default_rng([number, k]))
            for n in seeds:
                rows.append(_row(case, k, n, truth, repetitions, np.random.default_rng([number, k, n])))
            print(f"{case.name}, {k} tasks: done", flush=True)
    return {
        "repetitions": repetitions,
        "bounds": CONFIDENCE,
        "cases": [{"name": case.name, "words": case.words} for case in cases],
        "rows": rows,
    }


def _levels(tasks: int) -> Array:
    """The tasks' levels, `(tasks, 1)`: evenly by rank of a normal distribution."""
    return LEVELS_APART * np.asarray(special.ndtri((np.arange(tasks) + 0.5) / tasks))[:, None]


def _truth(case: LevelCase, tasks: int, random: np.random.Generator) -> tuple[float, float]:
    """The population's interquartile mean and probability of improvement, by a sample of two million runs in all."""
    n = _FOR_TRUTH // tasks
    first, second = (case.draw(random, 1, tasks, n)[0] + _levels(tasks) for _ in range(2))
    above = improvement(list(first + BETTER), list(second), None)[0]
    return interquartile_mean(list(first), None)[0], above


def _row(
    case: LevelCase, k: int, n: int, truth: tuple[float, float], repetitions: int, random: np.random.Generator
) -> dict[str, Any]:
    """How often each interval holds the truth, and how wide it is; all share the resamples, as a report's do."""
    resamples, levels = Resamples(), _levels(k)
    held = {name: np.zeros(repetitions, dtype=np.bool_) for name in INTERVALS}
    widths = {name: np.zeros(repetitions) for name in INTERVALS}
    for repetition in range(repetitions):
        first, second = (case.draw(random, 1, k, n)[0] + levels for _ in range(2))
        found: Mapping[str, Estimate] = {
            "iqm": interquartile_mean(list(first), resamples),
            "iqm_asymptotic": interquartile_mean(list(first), None),
            "improvement": improvement(list(first + BETTER), list(second), resamples),
            "improvement_asymptotic": improvement(list(first + BETTER), list(second), None),
        }
        for name, (_, low, high) in found.items():
            held[name][repetition] = low <= truth[name.startswith("improvement")] <= high
            widths[name][repetition] = high - low
    return {
        "case": case.name,
        "tasks": k,
        "seeds": n,
        "iqm": truth[0],
        "improvement": truth[1],
        "coverage": {name: bounded(int(values.sum()), repetitions) for name, values in held.items()},
        "width": {name: float(np.median(values)) for name, values in widths.items()},
    }


def markdown(found: Mapping[str, Any]) -> str:
    """The whole page."""
    cases = "\n".join(f"- {case['name']}: {case['words']}" for case in found["cases"])
    lines = [
        [
            row["case"],
            str(row["tasks"]),
            str(row["seeds"]),
            *(_held(row["coverage"][name]) + f" ({row['width'][name]:.2f})" for name in INTERVALS),
        ]
        for row in found["rows"]
    ]
    return (
        "# Calibration of the level over tasks\n\n"
        f"{found['repetitions']:,} simulated sets of tasks a setting, each with two strategies of n seeds a task whose "
        "runs are drawn alike, but that the first's score 1 more; the tasks' levels are a normal distribution's, with "
        f"a standard deviation of {LEVELS_APART:g}. All in standard deviations of a run that trains. Made by `python "
        "-m benchmarks.calibration_level`; all numbers with 99 % bounds (Clopper-Pearson) in "
        f"[calibration-level.json](calibration-level.json).\n\nCases:\n\n{cases}\n\n"
        "## How often the 95 % intervals hold the truth\n\nIn per cent, with the median width; **bold**: the upper "
        "bound is under 95 %. The truth is that of these tasks with seeds without end. The bootstrap's intervals are "
        "those of reports, up to 50,000 runs and ten million pairs of runs; beyond, the asymptotic ones are.\n\n"
        + table(["case", "tasks", "n", *INTERVALS.values()], lines)
        + "\n"
    )


def _held(rate: Mapping[str, float]) -> str:
    text = f"{100 * rate['rate']:.1f}"
    return f"**{text}**" if rate["high"] < NOMINAL else text


def main() -> None:
    """Measure and write the two files."""
    given = options(__doc__, REPETITIONS).parse_args()
    with threadpool_limits(1):
        found = measure(given.repetitions)
    write(found, markdown(found), given.out, "calibration-level")


if __name__ == "__main__":
    main()
