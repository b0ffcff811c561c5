"""What can be told of plugins' options before tasks are prepared and models are pretrained."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from stabbench.config import Config
from stabbench.errors import Mistakes, UserError
from stabbench.recipe import ADAMW
from stabbench.resolve.strategy import resolve_strategy
from stabbench.training import optimizers


def check_options(config: Config, strategies: Collection[str], root: Path) -> None:
    """Import what these strategies name; UserError with all options that theirs or their optimizers' do not take."""
    mistakes = Mistakes()
    for name in strategies:
        block = config.strategies[name]
        with mistakes.collected():
            resolve_strategy(block, name, root)
        with mistakes.collected():
            _check_optimizer(block.recipe.optimizer, block.recipe.optimizer_options or {}, f"strategies.{name}", root)
    for name in config.grid.models:
        recipe = config.models[name].recipe
        with mistakes.collected():
            _check_optimizer(recipe.optimizer, recipe.optimizer_options or {}, f"models.{name}", root)
    mistakes.tell()


def _check_optimizer(name: str | None, options: Mapping[str, Any], place: str, root: Path) -> None:
    """Options alone are those of an optimizer that stands elsewhere: the plan tells."""
    if name is None or name == ADAMW:
        return
    try:
        optimizers.find(name, options, root)
    except UserError as error:
        raise UserError(*(f"{place}.recipe: {text}" for text in error.messages)) from error
