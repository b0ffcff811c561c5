"""Which runs are put together, and which dev examples choose and which judge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import BeforeValidator, Field

from stabbench.config.values import Block, Name
from stabbench.probes.runs import FinishedRun
from stabbench.randomness import Draws

FEWEST = 2
"""Runs of a soup."""


def _sizes(value: object) -> tuple[int, ...]:
    found = value if isinstance(value, (list, tuple)) else [value]
    whole = all(isinstance(size, int) and not isinstance(size, bool) and size >= FEWEST for size in found)
    if not found or not whole or list(found) != sorted(set(found)):
        raise ValueError(f"found {value!r}, expected rising whole numbers from 2 on, such as [2, 5]")
    return tuple(found)


class SoupsOptions(Block):
    """Whose runs, in groups of which sizes."""

    model: Name | None = None
    task: Name | None = None
    """Null: the grid's first model and task that have failed and successful runs."""
    strategy: Name | None = None
    """Null: the first of the grid that has finished runs there."""
    sizes: Annotated[tuple[int, ...], BeforeValidator(_sizes)] = (2, 5)
    """How many runs a soup is made of."""
    chosen_on: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """The share of the dev examples that the greedy soup chooses on; everything is scored on the others."""
    split_seed: Annotated[int, Field(ge=0)] = 0


def runs_of_one_recipe(runs: Sequence[FinishedRun]) -> list[FinishedRun]:
    """Those of the first run's strategy, by seed."""
    mine = [run for run in runs if run.cell.strategy == runs[0].cell.strategy]
    return sorted(mine, key=lambda run: run.seed)


def groups_of(count: int, size: int) -> list[list[int]]:
    """The places of `count` runs in disjoint groups of one size, in order; what is left over is in none."""
    return [list(range(start, start + size)) for start in range(0, count - size + 1, size)]


def split(examples: int, share: float, seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The places of the examples to choose on and of those to score on, each rising; one at least in each."""
    order = Draws(seed, "soups").permutation("examples", examples)
    cut = min(max(1, round(share * examples)), examples - 1)
    return np.sort(order[:cut]), np.sort(order[cut:])
