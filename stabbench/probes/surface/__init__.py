"""Fig. 7 and 13: loss and gradient norm in the plane through the pretrained, a failed and a successful model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stabbench.config import Config
from stabbench.errors import UserError
from stabbench.probes.contract import Measurement, Probe, ProbeContext
from stabbench.probes.runs import FinishedRun, check_place, left_out, runs_at
from stabbench.probes.surface.choice import RunOption, SurfaceOptions, choose

if TYPE_CHECKING:
    from stabbench.report.content import Content
    from stabbench.report.measurement import MeasuredProbe
    from stabbench.report.section import Section


class Surface(Probe[SurfaceOptions]):
    """f(α, β) = L(θp + α·(θf − θp) + β·(θs − θp)) and its total gradient norm, dropout off, all parameters."""

    Options = SurfaceOptions

    def check(self, options: SurfaceOptions, config: Config, root: Path) -> None:
        """Names are the grid's and seeds the plan's."""
        given = [run for run in (options.failed, options.successful) if run is not None]
        check_place(config, options.model, options.task, [run.strategy for run in given])
        for run in given:
            if run.seed not in config.seeds.certain:
                which = (
                    "" if config.seeds.looks is None else ", of its first stage: what a later one trains is not known"
                )
                raise UserError(f"found seed {run.seed} of {run.strategy}, expected one of the seeds of `seeds`{which}")

    def measure(self, options: SurfaceOptions, context: ProbeContext) -> Measurement:
        """A row a point; where there are no two runs to compare, the sentence that says why."""
        runs = runs_at(context.selection, options.model, options.task)
        if not runs:
            gone = left_out(context.selection, options.model, options.task)
            return Measurement(reason=f"There are no finished runs to look at{gone}.")
        cell = runs[0].cell
        place, where = {"model": cell.model, "task": cell.task}, f"{cell.model} on {cell.task}"
        groups = []
        for kind, wanted, given in (("failed", True, options.failed), ("successful", False, options.successful)):
            group = [run for run in runs if run.failed == wanted and _is(run, given)]
            if not group:
                named = None if given is None else (given.strategy, given.seed)
                gone = left_out(context.selection, cell.model, cell.task, named)
                reason = f"{_missing(kind, given, where)}{gone}, so there is no plane to draw."
                return Measurement(facts=place, reason=reason)
            groups.append(group)
        pair = choose(*groups)
        if pair is None:
            reason = f"No failed and successful run of {where} read the same texts in the same precision."
            return Measurement(facts=place, reason=reason)

        from stabbench.probes.surface.measuring import measure

        return measure(*pair, options, context)

    def section(self, measured: MeasuredProbe, content: Content) -> Section:
        """Loss and gradient norm in the plane."""
        from stabbench.report.sections import surface

        return surface.section(measured, content)


def _missing(kind: str, given: RunOption | None, where: str) -> str:
    if given is None:
        return f"No run of {where} is {kind}"
    return f"{given.strategy} seed {given.seed} is not a {kind} run of {where}"


def _is(run: FinishedRun, given: RunOption | None) -> bool:
    return given is None or (run.cell.strategy, run.seed) == (given.strategy, given.seed)
