"""Which two runs a surface goes through: the options, and the choice where they leave it open."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from stabbench.config.values import Block, Count, Name, Positive
from stabbench.probes.runs import FinishedRun


class RunOption(Block):
    """One run of the grid."""

    strategy: Name
    seed: Annotated[int, Field(ge=0)]


class SurfaceOptions(Block):
    """Which two runs, and how fine a grid."""

    model: Name | None = None
    task: Name | None = None
    """Null: the grid's first model and task that have failed and successful runs."""
    failed: RunOption | None = None
    successful: RunOption | None = None
    """Null: chosen so that both runs began with the same head, one seed under two strategies (see `choose`)."""
    points: Annotated[int, Field(ge=2)] = 40
    """Of each axis."""
    extent: Positive = 1.5
    """Both coordinates go from −extent to extent."""
    examples: Count = 128
    """Of the training set."""
    example_seed: Annotated[int, Field(ge=0)] = 0


def choose(failed: Sequence[FinishedRun], successful: Sequence[FinishedRun]) -> tuple[FinishedRun, FinishedRun] | None:
    """The first failed run that shares its head with a successful one, and of those the one with the lowest loss.

    Where no two share a head, the first failed run and the successful one with the lowest training loss; None where no
    two can share a plane.
    """
    pairs = [(bad, good) for bad in failed for good in successful if _inputs_of(bad) == _inputs_of(good)]
    candidates = [pair for pair in pairs if share_head(*pair)] or pairs
    of_first = [pair for pair in candidates if pair[0] is candidates[0][0]]
    return min(of_first, key=lambda pair: _final_loss(pair[1]), default=None)


def _final_loss(run: FinishedRun) -> float:
    loss = run.record.result.train_loss.final
    return math.inf if loss is None else loss


def share_head(first: FinishedRun, second: FinishedRun) -> bool:
    """Whether both runs began with the same new tensors."""
    return head_seed(first) == head_seed(second)


def head_seed(run: FinishedRun) -> int:
    """The seed of the stream that the run's head was drawn from."""
    return run.cell.run_spec(run.seed).seeds["head"]


def _inputs_of(run: FinishedRun) -> tuple[object, ...]:
    recipe = run.cell.recipe()
    spec = run.cell.spec
    return spec.model, spec.task, recipe.max_length, recipe.legacy_segments, recipe.precision
