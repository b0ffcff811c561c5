"""Seed soups and ensembles: does putting k runs together give steadier models, and at what cost?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stabbench.config import Config
from stabbench.errors import UserError
from stabbench.probes.contract import Measurement, Probe, ProbeContext
from stabbench.probes.runs import check_place, left_out, runs_at
from stabbench.probes.soups.choice import FEWEST, SoupsOptions, runs_of_one_recipe
from stabbench.report.numbers import counted

if TYPE_CHECKING:
    from stabbench.report.content import Content
    from stabbench.report.measurement import MeasuredProbe
    from stabbench.report.section import Section


class Soups(Probe[SoupsOptions]):
    """Means of the weights, and of the outputs, of disjoint groups of k runs of one recipe (Wortsman et al., 2022).

    Everything is scored on one part of the dev set; the greedy soup chooses its members on the other.
    """

    Options = SoupsOptions

    def check(self, options: SoupsOptions, config: Config, root: Path) -> None:
        """Names are the grid's, and there are enough seeds for two groups of each size."""
        check_place(config, options.model, options.task, [] if options.strategy is None else [options.strategy])
        seeds = len(config.seeds.certain)
        if seeds < 2 * max(options.sizes):
            fewest, why = 2 * max(options.sizes), "a spread needs two groups that have no run in common"
            smaller = f"sizes of at most {seeds // 2}, or " if seeds >= 2 * FEWEST else ""
            raise UserError(
                f"sizes: found {max(options.sizes)} with {counted(seeds, 'seed')}, expected {smaller}at least {fewest} "
                f"seeds: {why}"
            )

    def measure(self, options: SoupsOptions, context: ProbeContext) -> Measurement:
        """A row a group and way of putting it together; where nothing can be measured, the sentence that says why."""
        strategies = None if options.strategy is None else [options.strategy]
        runs = runs_of_one_recipe(runs_at(context.selection, options.model, options.task, strategies))
        if not runs:
            gone = left_out(context.selection, options.model, options.task)
            return Measurement(reason=f"There are no finished runs to look at{gone}.")
        cell = runs[0].cell
        if len(runs) < 2 * min(options.sizes):
            gone = left_out(context.selection, cell.model, cell.task)
            reason = (
                f"{cell.strategy} has {len(runs)} finished runs of {cell.model} on {cell.task}{gone}, too few for two "
                f"groups of {min(options.sizes)}."
            )
            return Measurement(facts={"model": cell.model, "task": cell.task}, reason=reason)

        from stabbench.probes.soups.measuring import measure

        return measure(runs, options, context)

    def section(self, measured: MeasuredProbe, content: Content) -> Section:
        """Spread of single runs, soups and ensembles."""
        from stabbench.report.sections import soups

        return soups.section(measured, content)
