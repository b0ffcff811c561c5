"""Fig. 7 and 13: loss and gradient norm in the plane through the pretrained, a failed and a successful model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from stabbench.config import Config
from stabbench.config.values import Block, Count, Name, Positive
from stabbench.errors import UserError
from stabbench.probes.contract import Measurement, Probe, Project
from stabbench.probes.runs import FinishedRun, check_place, left_out, runs_at


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


class Surface(Probe[SurfaceOptions]):
    """f(α, β) = L(θp + α·(θf − θp) + β·(θs − θp)) and its total gradient norm, dropout off, all parameters."""

    Options = SurfaceOptions

    def check(self, options: SurfaceOptions, config: Config, root: Path) -> None:
        """Names are the grid's and seeds the plan's."""
        given = [run for run in (options.failed, options.successful) if run is not None]
        check_place(config, options.model, options.task, [run.strategy for run in given])
        for run in given:
            if run.seed not in config.seeds:
                raise UserError(f"found seed {run.seed} of {run.strategy}, expected one of the seeds of `seeds`")

    def measure(self, options: SurfaceOptions, project: Project) -> Measurement:
        """A row a point; where there are no two runs to compare, the sentence that says why."""
        runs = runs_at(project.selection, options.model, options.task)
        if not runs:
            gone = left_out(project.selection, options.model, options.task)
            return Measurement(reason=f"There are no finished runs to look at{gone}.")
        cell = runs[0].cell
        place, where = {"model": cell.model, "task": cell.task}, f"{cell.model} on {cell.task}"
        groups = []
        for kind, wanted, given in (("failed", True, options.failed), ("successful", False, options.successful)):
            group = [run for run in runs if run.failed == wanted and _is(run, given)]
            if not group:
                named = None if given is None else (given.strategy, given.seed)
                gone = left_out(project.selection, cell.model, cell.task, named)
                reason = f"{_missing(kind, given, where)}{gone}, so there is no plane to draw."
                return Measurement(facts=place, reason=reason)
            groups.append(group)
        pair = choose(*groups)
        if pair is None:
            reason = f"No failed and successful run of {where} read the same texts in the same precision."
            return Measurement(facts=place, reason=reason)

        from stabbench.probes.surface.measuring import measure

        return measure(*pair, options, project)


def _missing(kind: str, given: RunOption | None, where: str) -> str:
    if given is None:
        return f"No run of {where} is {kind}"
    return f"{given.strategy} seed {given.seed} is not a {kind} run of {where}"


def _is(run: FinishedRun, given: RunOption | None) -> bool:
    return given is None or (run.cell.strategy, run.seed) == (given.strategy, given.seed)


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


probe = Surface()
