"""Whether params.yaml has what a command or a study names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stabbench.config.schema import Config
from stabbench.errors import unknown

if TYPE_CHECKING:
    from stabbench.plan import Variation


def check_names(config: Config, model: str, task: str, strategy: str) -> None:
    """UserError with the nearest name where params.yaml has no such model, task or strategy."""
    for kind, name, known in (
        ("model", model, config.models),
        ("task", task, config.tasks),
        ("strategy", strategy, config.strategies),
    ):
        if name not in known:
            raise unknown(kind, name, known)


def check_variations(config: Config, variations: Sequence[Variation]) -> None:
    """UserError with the nearest name where params.yaml has not all that the cells of a study name."""
    for variation in variations:
        check_names(config, variation.model, variation.task, variation.strategy)
        if variation.steps_of is not None:
            check_names(config, variation.model, variation.steps_of, variation.strategy)
