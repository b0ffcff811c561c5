"""Strategy × learning rate: how wide is the range of rates at which a recipe is stable?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stabbench.config import Config
from stabbench.plan import Variation
from stabbench.studies.contract import Study
from stabbench.studies.rates.options import RatesOptions, cell_name

if TYPE_CHECKING:
    from stabbench.records import Selection
    from stabbench.report.content import Content
    from stabbench.report.section import Section


class Rates(Study[RatesOptions]):
    """Every strategy (a variant of LoRA, a recipe with another optimizer, …) at each of its learning rates."""

    Options = RatesOptions

    def variations(self, options: RatesOptions, config: Config) -> list[Variation]:
        """One cell a strategy and rate."""
        return [
            Variation(
                name=cell_name(strategy, rate),
                model=options.model,
                task=options.task,
                strategy=strategy,
                seeds=options.seeds or config.seeds,
                recipe={"learning_rate": rate},
            )
            for strategy, rates in options.strategies.items()
            for rate in rates
        ]

    def section(self, name: str, options: RatesOptions, selection: Selection, content: Content) -> Section:
        """Box plots, a panel a strategy."""
        from stabbench.studies.rates.chapter import section

        return section(name, options, selection, content)
