"""The noise of dev sets as tables: a row a cell, and a row a pair of strategies with the same examples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from stabbench.analysis.contributions import Contributions
from stabbench.analysis.noise import Noise
from stabbench.analysis.noise_pairs import equal_beyond, permutations_of
from stabbench.analysis.pairwise import holm
from stabbench.analysis.place import Place

CELLS = (
    "model", "task", "strategy", "metric", "runs", "examples", "std", "floor", "share", "beyond", "beyond_low",
    "beyond_high", "beyond_variance", "degrees_of_freedom",
)  # fmt: skip
PAIRS = (
    "model", "task", "strategy_a", "strategy_b", "n_a", "n_b", "beyond_a", "beyond_b", "p_beyond", "p_beyond_holm",
)  # fmt: skip
SEED = 0
"""Of the permutations."""


def cells_frame(found: Mapping[Place, Noise], metrics: Mapping[Place, str]) -> pd.DataFrame:
    """A row a cell, in the unit of its scores; `beyond` is a std, 0 where `beyond_variance` is below 0."""
    rows = [
        (
            *(*cell, metrics[cell], item.runs, item.examples, item.std, item.floor_std, item.share, item.beyond_std),
            *(*item.interval, item.beyond, item.freedom),
        )
        for cell, item in found.items()
    ]
    return pd.DataFrame(rows, columns=list(CELLS))


def pairs_frame(found: Mapping[Place, Contributions], examples: Mapping[Place, npt.NDArray[Any]]) -> pd.DataFrame:
    """A row a pair of strategies on one model and task whose runs answered the same `examples`; p two-sided.

    Holm's adjustment is over all rows.
    """
    rows = []
    same = ((a, b) for a, b in combinations(found, 2) if a.whole == b.whole)
    tested = [(a, b) for a, b in same if np.array_equal(examples[a], examples[b])]
    most = permutations_of(len(tested))
    for a, b in tested:
        test = equal_beyond(found[a], found[b], np.random.default_rng(SEED), most=most)
        beyond = (math.sqrt(max(value, 0.0)) for value in (test.first, test.second))
        runs = (len(found[cell].scores) for cell in (a, b))
        rows.append((a.model, a.task, a.strategy, b.strategy, *runs, *beyond, test.p))
    table = pd.DataFrame(rows, columns=list(PAIRS[:-1]))
    table[PAIRS[-1]] = holm(table["p_beyond"].astype("float64")) if rows else pd.Series(dtype="float64")
    return table
