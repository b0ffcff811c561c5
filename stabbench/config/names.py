"""Whether params.yaml has what a command or a study names."""

from __future__ import annotations

from stabbench.config.schema import Config
from stabbench.errors import unknown


def check_names(config: Config, model: str, task: str, strategy: str) -> None:
    """UserError with the nearest name where params.yaml has no such model, task or strategy."""
    for kind, name, known in (
        ("model", model, config.models),
        ("task", task, config.tasks),
        ("strategy", strategy, config.strategies),
    ):
        if name not in known:
            raise unknown(kind, name, known)
