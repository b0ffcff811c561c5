"""Fig. 9 and Fig. 8, right: learning rate × epochs × bias correction, and training loss against dev score."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stabbench.config import Config
from stabbench.errors import UserError
from stabbench.plan import Variation
from stabbench.studies.ablation.options import AblationOptions
from stabbench.studies.contract import Study
from stabbench.studies.settings import setting

if TYPE_CHECKING:
    from stabbench.records import Selection
    from stabbench.report.content import Content
    from stabbench.report.section import Section


class Ablation(Study[AblationOptions]):
    """Every combination of learning rate, epochs and bias correction on one model and task."""

    Options = AblationOptions

    def variations(self, options: AblationOptions, config: Config) -> list[Variation]:
        """One cell a setting; UserError where the recommended one is not among them."""
        seeds = options.seeds or config.seeds
        settings = [
            setting(options.model, options.task, options.strategy, seeds, rate, epochs, correction)
            for correction in options.bias_correction
            for epochs in options.epochs
            for rate in options.learning_rates
        ]
        recommended = options.recommended
        if recommended is not None and not any(recommended.is_in(item.recipe) for item in settings):
            raise UserError(
                f"the recommended setting of the ablation ({recommended.text()}) is none of its settings: add it to "
                "learning_rates, epochs and bias_correction, or leave out `recommended`"
            )
        return settings

    def section(self, name: str, options: AblationOptions, selection: Selection, content: Content) -> Section:
        """Box plots of every setting, and training loss against dev score over all runs."""
        from stabbench.studies.ablation.chapter import section

        return section(name, options, selection, content)
