"""Fig. 5: bias correction × learning rate, on one task for several models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stabbench.config import Config
from stabbench.plan import Variation
from stabbench.studies.bias_correction.options import BiasCorrectionOptions
from stabbench.studies.contract import Study
from stabbench.studies.settings import setting

if TYPE_CHECKING:
    from stabbench.records import Selection
    from stabbench.report.content import Content
    from stabbench.report.section import Section


class BiasCorrection(Study[BiasCorrectionOptions]):
    """Every learning rate of every model, without and with bias correction."""

    Options = BiasCorrectionOptions

    def variations(self, options: BiasCorrectionOptions, config: Config) -> list[Variation]:
        """One cell a model, rate and side."""
        seeds = options.seeds or config.seeds
        return [
            setting(model, options.task, options.strategy, seeds, rate, options.epochs, correction)
            for model, rates in options.models.items()
            for rate in rates
            for correction in (False, True)
        ]

    def section(self, name: str, options: BiasCorrectionOptions, selection: Selection, content: Content) -> Section:
        """Box plots, without beside with bias correction at every rate."""
        from stabbench.studies.bias_correction.chapter import section

        return section(name, options, selection, content)
