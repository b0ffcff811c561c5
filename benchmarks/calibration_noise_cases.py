"""Simulated runs on simulated dev sets: what each of several equally or unequally good runs has right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

LEVEL = 1.2
"""Log odds that a run of ability 0 has an example of difficulty 0 right."""
LOWER_LEVEL = 0.6
DIFFICULTY = 1.5
"""Standard deviation of the examples' difficulties."""
POSITIVE = 0.55
"""Share of label 1, which a collapsed run always predicts."""
COLLAPSED_SHARE = 0.2
_GRID = np.linspace(-9.0, 4.0, 1301)
_MANY = 400_000

Ability = Callable[[np.random.Generator, int], Floats]
"""Draws so many runs' abilities; NaN is a collapsed run."""


@dataclass(frozen=True)
class Recipe:
    """A strategy whose runs are drawn independently of each other."""

    name: str
    words: str
    ability: Ability
    level: float = LEVEL
    repeated: int = 1
    """How often each example stands in the dev set."""

    def draw(self, random: np.random.Generator, runs: int, difficulties: Floats, labels: Bools) -> Bools:
        """Which examples each run has right, shape `(runs, examples)`: those that stand there again with one answer."""
        ability = self.ability(random, runs)
        chance = special.expit(self.level + np.nan_to_num(ability)[:, None] + difficulties)
        right = random.random(chance.shape) < chance
        right[np.isnan(ability)] = labels
        return np.tile(right, self.repeated)

    def variance(self, metric: str) -> float:
        """Of a run's score on endless examples, by `_MANY` drawn runs."""
        ability = self.ability(np.random.default_rng(0), _MANY)
        accuracy = np.interp(np.nan_to_num(ability) + self.level, _GRID, _accuracies())
        accuracy[np.isnan(ability)] = POSITIVE
        if metric == "accuracy":
            return float(accuracy.var())
        found = _correlation(accuracy)
        found[np.isnan(ability)] = 0.0
        return float(found.var())


def dev_set(random: np.random.Generator, examples: int) -> tuple[Floats, Bools]:
    """Difficulties and labels of so many different examples."""
    return random.normal(0, DIFFICULTY, examples), random.random(examples) < POSITIVE


@cache
def _accuracies() -> Floats:
    """The mean chance over difficulties, by level plus ability."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    chances = special.expit(_GRID[:, None] + DIFFICULTY * nodes)
    return np.asarray(chances @ weights / weights.sum())


def _correlation(accuracy: Floats) -> Floats:
    """Matthews' correlation of runs that are as often right in either class."""
    predicted = POSITIVE * accuracy + (1 - POSITIVE) * (1 - accuracy)
    covariance = POSITIVE * accuracy - POSITIVE * predicted
    return np.asarray(covariance / np.sqrt(POSITIVE * (1 - POSITIVE) * predicted * (1 - predicted)))


def _equal(random: np.random.Generator, runs: int) -> Floats:
    return np.zeros(runs)


def _normal(std: float) -> Ability:
    return lambda random, runs: random.normal(0, std, runs)


def _collapsed(random: np.random.Generator, runs: int) -> Floats:
    ability = random.normal(0, 0.1, runs)
    ability[random.random(runs) < COLLAPSED_SHARE] = np.nan
    return ability


def _heavy(random: np.random.Generator, runs: int) -> Floats:
    return np.asarray(-0.12 * np.exp(random.standard_normal(runs)))


EQUAL = Recipe("equal runs", "all runs equally good: nothing is beyond the floor", _equal)
STEADY = Recipe("steady", "abilities normal, std .08", _normal(0.08))
NORMAL = Recipe("normal", "abilities normal, std .25", _normal(0.25))
COLLAPSED = Recipe("collapsed", "abilities normal, std .1; a fifth of the runs predicts one class", _collapsed)
HEAVY = Recipe("heavy tails", "abilities log-normal, downwards", _heavy)
REPEATED = Recipe("equal runs, repeated examples", "every example stands there twice, which no estimator is told",
                  lambda random, runs: np.zeros(runs), repeated=2)  # fmt: skip
RECIPES = (EQUAL, STEADY, NORMAL, COLLAPSED, HEAVY, REPEATED)


@dataclass(frozen=True)
class Pair:
    """Two strategies that are scored on the same dev sets."""

    name: str
    first: Recipe
    second: Recipe
    equal: bool
    """Whether their variances beyond the floor are the same."""


PAIRS = (
    Pair("equal runs", EQUAL, EQUAL, True),
    Pair("equal runs, another level", EQUAL, Recipe("lower", "", _equal, LOWER_LEVEL), True),
    Pair("normal", NORMAL, NORMAL, True),
    Pair("collapsed", COLLAPSED, COLLAPSED, True),
    Pair("heavy tails", HEAVY, HEAVY, True),
    Pair("normal, std 3×", Recipe("three times", "", _normal(0.3)), Recipe("once", "", _normal(0.1)), False),
    Pair("normal against equal runs", NORMAL, EQUAL, False),
    Pair("collapse cured", COLLAPSED, Recipe("cured", "", _normal(0.1)), False),
)
