"""Simulated scores of two strategies: cases in which they spread equally, and cases in which they do not."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

COLLAPSED_SHARE = 0.2
COLLAPSED_AT = -10.0
"""The one score of all collapsed runs, in sd of the others."""
SHIFT = 8.0
SEED_SHARE = 0.5
"""Share of the variance that two strategies have in common by their seed, where they have any."""

_STD_COLLAPSED = math.sqrt((1 - COLLAPSED_SHARE) * (1 + COLLAPSED_SHARE * COLLAPSED_AT**2))


@dataclass(frozen=True)
class Case:
    """What the scores of both arms are drawn from; `draw` gives two arrays `(repetitions, n)`."""

    name: str
    words: str
    draw: Callable[[np.random.Generator, int, int], tuple[Array, Array]]
    same_spread: bool
    same_level: bool
    std_ratio: float
    """The true ratio of the standard deviations, first arm over second."""

    failures: bool = False
    """Whether runs fail, those with the collapsed score."""
    same_failures: bool = True


def normal(random: np.random.Generator, repetitions: int, n: int) -> Array:
    """Scores of runs that all train."""
    return random.standard_normal((repetitions, n))


def collapsed(random: np.random.Generator, repetitions: int, n: int) -> Array:
    """As `normal`; a fifth of the runs collapsed to one score far below."""
    scores = normal(random, repetitions, n)
    scores[random.random(scores.shape) < COLLAPSED_SHARE] = COLLAPSED_AT
    return scores


def heavy(random: np.random.Generator, repetitions: int, n: int) -> Array:
    """As MCC on a small task: most runs close to the best, a long tail of worse ones (log-normal, downwards)."""
    return -np.exp(normal(random, repetitions, n))


def _both(
    draw: Callable[[np.random.Generator, int, int], Array], scale: float = 1.0, shift: float = 0.0
) -> Callable[[np.random.Generator, int, int], tuple[Array, Array]]:
    def pair(random: np.random.Generator, repetitions: int, n: int) -> tuple[Array, Array]:
        return draw(random, repetitions, n) * scale, draw(random, repetitions, n) + shift

    return pair


def _same_seeds(random: np.random.Generator, repetitions: int, n: int) -> tuple[Array, Array]:
    seeds = math.sqrt(SEED_SHARE) * normal(random, repetitions, n)
    rest = math.sqrt(1 - SEED_SHARE)
    return seeds + rest * normal(random, repetitions, n), seeds + rest * normal(random, repetitions, n)


def _cured(random: np.random.Generator, repetitions: int, n: int) -> tuple[Array, Array]:
    return collapsed(random, repetitions, n), normal(random, repetitions, n)


CASES = (
    Case("normal", "normal scores", _both(normal), True, True, 1.0),
    Case(
        "collapsed",
        "normal; a fifth of the runs collapsed to one score, 10 sd below",
        _both(collapsed),
        True,
        True,
        1.0,
        True,
    ),
    Case("heavy tails", "as MCC: log-normal, downwards", _both(heavy), True, True, 1.0),
    Case("normal, shifted", "normal, one arm 8 sd above", _both(normal, shift=SHIFT), True, False, 1.0),
    Case("collapsed, shifted", "collapsed, one arm 8 sd above", _both(collapsed, shift=SHIFT), True, False, 1.0),
    Case("normal, same seeds", "normal, correlation 0.5 over seeds", _same_seeds, True, True, 1.0),
    Case("normal, std 2×", "normal, one std twice the other", _both(normal, scale=2.0), False, True, 2.0),
    Case("normal, std 3×", "normal, one std three times the other", _both(normal, scale=3.0), False, True, 3.0),
    Case(
        "heavy tails, std 3×", "heavy tails, one std three times the other", _both(heavy, scale=3.0), False, False, 3.0
    ),
    Case(
        "collapse cured",
        "a fifth of one arm's runs collapsed, none of the other's",
        _cured,
        False,
        False,
        _STD_COLLAPSED,
        True,
        False,
    ),
    Case("normal, shifted by 1 sd", "normal, one arm 1 sd above", _both(normal, shift=1.0), True, False, 1.0),
)
