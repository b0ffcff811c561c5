"""Simulated scores of two strategies on several tasks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.calibration_cases import COLLAPSED_AT, COLLAPSED_SHARE, Array
from stabbench.analysis.over_tasks import kurtosis_of, log_std_variances

OneDraw = Callable[[np.random.Generator, int, int, int], Array]
Draw = Callable[[np.random.Generator, int, int, int], tuple[Array, Array]]
STRATEGIES, FAMILY_TASKS = 4, 6
STD_COLLAPSED = math.sqrt((1 - COLLAPSED_SHARE) * (1 + COLLAPSED_SHARE * COLLAPSED_AT**2))
STD_HEAVY = math.sqrt((math.e - 1) * math.e)


@dataclass(frozen=True)
class TaskCase:
    """What the scores of both strategies are drawn from; `draw` gives two arrays `(repetitions, tasks, seeds)`."""

    name: str
    words: str
    draw: Draw
    std_ratio: float = 1.0
    """The true ratio of the standard deviations, first over second."""
    same_shape: bool = True
    """Whether both scores have the same distribution but for their scale, and as many seeds."""
    new_ratio_known: bool = True
    """Whether the true ratio of a new task differs from the mean by what τ says alone."""


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
    return _collapsed_on(random.random((repetitions, tasks, 1)) < 0.5, random, seeds)


def _collapsed_on(places: npt.NDArray[np.bool_], random: np.random.Generator, seeds: int) -> Array:
    scores = normal(random, places.shape[0], places.shape[1], seeds)
    scores[(random.random(scores.shape) < COLLAPSED_SHARE) & places] = COLLAPSED_AT
    return scores


def heavy(random: np.random.Generator, repetitions: int, tasks: int, seeds: int) -> Array:
    """Most runs close to the best, a long tail of worse ones (log-normal, downwards)."""
    return -np.exp(normal(random, repetitions, tasks, seeds))


def _both(first: OneDraw, second: OneDraw, more_seeds: int = 1) -> Draw:
    def pair(random: np.random.Generator, repetitions: int, tasks: int, seeds: int) -> tuple[Array, Array]:
        left = first(random, repetitions, tasks, more_seeds * seeds)
        return left, second(random, repetitions, tasks, seeds)

    return pair


def _same_tasks(random: np.random.Generator, repetitions: int, tasks: int, seeds: int) -> tuple[Array, Array]:
    places = random.random((repetitions, tasks, 1)) < 0.5
    return _collapsed_on(places, random, seeds), _collapsed_on(places, random, seeds)


CASES = (
    TaskCase("normal", "normal scores", _both(normal, normal)),
    TaskCase("collapsed", "a fifth of both strategies' runs collapsed, 10 sd below", _both(collapsed, collapsed)),
    TaskCase("some tasks collapse", "the same on half of the tasks, normal on the others", _same_tasks),
    TaskCase("heavy tails", "log-normal, downwards", _both(heavy, heavy)),
    TaskCase(
        "tasks of their own collapse",
        "each strategy collapses on half of the tasks, independently of the other: true ratios of 1, 4.1 and its "
        "inverse",
        _both(sometimes_collapsed, sometimes_collapsed),
        same_shape=False,
        new_ratio_known=False,
    ),
    TaskCase(
        "normal, twice the seeds",
        "normal; the first has twice as many seeds",
        _both(normal, normal, more_seeds=2),
        same_shape=False,
    ),
    TaskCase(
        "collapse cured",
        "a fifth of the first's runs collapsed, none of the other's",
        _both(collapsed, normal),
        STD_COLLAPSED,
        same_shape=False,
    ),
    TaskCase(
        "heavy against normal",
        "one with heavy tails, the other normal",
        _both(heavy, normal),
        STD_HEAVY,
        same_shape=False,
    ),
)


def family(random: np.random.Generator, repetitions: int, seeds: int) -> Iterator[tuple[Array, Array]]:
    """Log stds and variances `(strategies, tasks)` of strategies that spread alike, as normal scores do."""
    n = np.full((STRATEGIES, FAMILY_TASKS), float(seeds))
    for _ in range(repetitions):
        scores = normal(random, STRATEGIES, FAMILY_TASKS, seeds)
        centred = scores - scores.mean(axis=2, keepdims=True)
        second, fourth = ((centred**power).mean(axis=2) for power in (2, 4))
        yield np.log(scores.std(axis=2, ddof=1)), log_std_variances(n, kurtosis_of(n, second, fourth))
