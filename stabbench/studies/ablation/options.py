"""What an ablation varies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stabbench.config.values import Block, Name, Positive, Seeds
from stabbench.report.numbers import epochs_text, exponent
from stabbench.studies.settings import PositiveNumbers, Switches, correction_text

if TYPE_CHECKING:
    import pandas as pd


class Recommended(Block):
    """The setting to mark; without a learning rate it is marked at every one."""

    epochs: Positive
    bias_correction: bool
    learning_rate: Positive | None = None

    def is_in(self, recipe: Mapping[str, Any] | pd.Series) -> bool:
        """Whether a recipe has all that is set here."""
        return all(recipe[name] == value for name, value in self.model_dump(exclude_none=True).items())

    def text(self) -> str:
        """`2e-5, 20 epochs, bias correction`."""
        rate = "any rate" if self.learning_rate is None else exponent(self.learning_rate)
        return f"{rate}, {epochs_text(self.epochs)}, {correction_text(self.bias_correction)}"


class AblationOptions(Block):
    """What is varied, and what all settings share."""

    model: Name
    task: Name
    learning_rates: PositiveNumbers
    epochs: PositiveNumbers
    bias_correction: Switches = (False, True)
    strategy: Name = "devlin"
    """The strategy that is varied."""
    recommended: Recommended | None = None
    seeds: Seeds = ()
    """Those of params.yaml where none are named."""
    low_training_loss: Positive = 0.1
    """Runs below it count as having fitted the training set: in nats, of regressions as squared error."""
