"""Where the variance comes from: head × data order × dropout, every combination once (after Dodge et al., 2020)."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from stabbench.config import Config
from stabbench.plan import STREAMS, Variation
from stabbench.studies.contract import Study
from stabbench.studies.crossed.options import CrossedOptions

if TYPE_CHECKING:
    from stabbench.records import Selection
    from stabbench.report.content import Content
    from stabbench.report.section import Section

_STRATEGY_STREAM = 1


class Crossed(Study[CrossedOptions]):
    """One cell of levels³ runs: run number 1 has the first level of all three factors, dropout varies fastest."""

    Options = CrossedOptions

    def variations(self, options: CrossedOptions, config: Config) -> list[Variation]:
        """The cell; level l of a factor is seed l of its stream, the strategy's own stream is the same in all runs.

        Run 1 is therefore the main grid's run of seed 1.
        """
        *factors, own = STREAMS
        levels = product(range(1, options.levels + 1), repeat=len(factors))
        streams = {
            str(number): {**dict(zip(factors, combination, strict=True)), own: _STRATEGY_STREAM}
            for number, combination in enumerate(levels, start=1)
        }
        return [
            Variation(
                name=f"{options.strategy}-crossed",
                model=options.model,
                task=options.task,
                strategy=options.strategy,
                seeds=tuple(range(1, len(streams) + 1)),
                streams=streams,
            )
        ]

    def section(self, name: str, options: CrossedOptions, selection: Selection, content: Content) -> Section:
        """Shares of each factor with intervals, and all scores by level."""
        from stabbench.studies.crossed.chapter import section

        return section(name, options, selection, content)
