"""Simulated scores of two strategies on several tasks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.calibration_cases import COLLAPSED_AT, COLLAPSED_SHARE, Array
from stabbench.analysis.over_tasks import kurtosis_of, log_std_variances

Draw = Callable[[np.random.Generator, int, int, int], Array]
STRATEGIES, FAMILY_TASKS = 4, 6
STD_COLLAPSED = math.sqrt((1 - COLLAPSED_SHARE) * (1 + COLLAPSED_SHARE * COLLAPSED_AT**2))
STD_HEAVY = math.sqrt((math.e - 1) * math.e)


@dataclass(frozen=True)
class TaskCase:
    """What the scores of both strategies are drawn from: arrays `(repetitions, tasks, seeds)`."""

    name: str
    words: str
    first: Draw
    second: Draw
    std_ratio: float = 1.0
    """The true ratio of the standard deviations, first over second."""
    more_seeds: int = 1
    """How many times the second's seeds the first has."""

    @property
    def same_shape(self) -> bool:
        """Whether both scores have the same distribution but for their scale, and as many seeds."""
        return self.first is self.second and self.more_seeds == 1

    def draw(self, random: np.random.Generator, repetitions: int, tasks: int, seeds: int) -> tuple[Array, Array]:
        """The scores of both strategies."""
        first = self.first(random, repetitions, tasks, self.more_seeds * seeds)
        return first, self.second(random, repetitions, tasks, seeds)


def normal(random: np.random.Generator, repetitions: int, tasks: int, seeds: int) -> Array:
    """Scores of runs that all train."""
    return random.standard_normal((repetitions, tasks, seeds))


def collapsed(random: np.random.Generator, repetitions: int, tasks: int, seeds: int) -> Array:
    """As `normal`; a fifth of the runs collapsed to one score far below."""
    scores = normal(random, repetitions, tasks, seeds)
    scores[random.random(scores.shape) < COLLAPSED_SHARE] = COLLAPSED_AT
    return scores


def sometimes_collapsed(random: np.random.Generator, repetitions: int, tasks: int, seeds: int) -> Array:
    """As `collapsed` on half of the tasks, drawn anew, and as `normal` on the rest."""
    scores = normal(random, repetitions, tasks, seeds)
    down = random.random(scores.shape) < COLLAPSED_SHARE
    down &= random.random((repetitions, tasks, 1)) < 0.5
    scores[down] = COLLAPSED_AT
    return scores


def heavy(random: np.random.Generator, repetitions: int, tasks: int, seeds: int) -> Array:
    """Most runs close to the best, a long tail of worse ones (log-normal, downwards)."""
    return -np.exp(normal(random, repetitions, tasks, seeds))


CASES = (
    TaskCase("normal", "normal scores", normal, normal),
    TaskCase("collapsed", "a fifth of both strategies' runs collapsed, 10 sd below", collapsed, collapsed),
    TaskCase("some tasks collapse", "the same on half of the tasks only", sometimes_collapsed, sometimes_collapsed),
    TaskCase("heavy tails", "log-normal, downwards", heavy, heavy),
    TaskCase("normal, twice the seeds", "normal; the first has twice as many seeds", normal, normal, more_seeds=2),
    TaskCase(
        "collapse cured", "a fifth of the first's runs collapsed, none of the other's", collapsed, normal, STD_COLLAPSED
    ),
    TaskCase("heavy against normal", "one with heavy tails, the other normal", heavy, normal, STD_HEAVY),
)


def family(random: np.random.Generator, repetitions: int, seeds: int) -> Iterator[tuple[Array, Array]]:
    """Log stds and variances `(strategies, tasks)` of strategies that spread alike, as normal scores do."""
    n = np.full((STRATEGIES, FAMILY_TASKS), float(seeds))
    for _ in range(repetitions):
        scores = normal(random, STRATEGIES, FAMILY_TASKS, seeds)
        centred = scores - scores.mean(axis=2, keepdims=True)
        second, fourth = ((centred**power).mean(axis=2) for power in (2, 4))
        yield np.log(scores.std(axis=2, ddof=1)), log_std_variances(n, kurtosis_of(n, second, fourth))
