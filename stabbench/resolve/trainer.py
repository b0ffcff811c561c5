"""From the trainer's block of a strategy, else of its model, to who trains a cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stabbench.config import Config
from stabbench.errors import UserError
from stabbench.plugins import in_file
from stabbench.resolve.strategy import ResolvedStrategy
from stabbench.training import trainers
from stabbench.training.contract import Trainer
from stabbench.typed_json import to_json


@dataclass(frozen=True)
class ResolvedTrainer:
    """A trainer with what the spec says of it, which is nothing of our own, and where it lies."""

    trainer: Trainer
    spec: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    follows_recipe: bool = True

    @property
    def name(self) -> str:
        """What it is called."""
        return self.trainer.name

    @property
    def takes_files(self) -> bool:
        """Whether it reads models itself."""
        return self.trainer.takes == "files"

    def check_strategy(self, name: str, strategy: ResolvedStrategy) -> None:
        """UserError where a strategy does more than its recipe and the trainer would leave that out."""
        acting = [str(plugin["plugin"]) for plugin in strategy.plugins]
        if acting and not self.trainer.calls_hooks:
            raise UserError(
                f"strategy '{name}': {' and '.join(acting)} {'act' if len(acting) > 1 else 'acts'} by hooks, and the "
                f"trainer '{self.name}' calls none: leave the trainer out for it, or take a strategy that is a recipe "
                "alone (devlin, mosbach, hf-default …)"
            )


def resolve_trainer(config: Config, model: str, strategy: str, root: Path) -> ResolvedTrainer:
    """Who trains a model with a strategy; UserError where there is no such trainer or its options are wrong."""
    of_strategy, of_model = config.strategies[strategy].trainer, config.models[model].trainer
    block, place = (of_model, f"models.{model}") if of_strategy is None else (of_strategy, f"strategies.{strategy}")
    if block is None:
        return ResolvedTrainer(trainers.find())
    try:
        return _resolved(block, root)
    except UserError as error:
        raise UserError(*(f"{place}.trainer: {message}" for message in error.messages)) from error


def trainer_mistakes(block: Mapping[str, Any], root: Path) -> tuple[str, ...]:
    """What is wrong with a trainer's block in itself, in the words of planning."""
    try:
        _resolved(block, root)
    except UserError as error:
        return error.messages
    return ()


def _resolved(block: Mapping[str, Any], root: Path) -> ResolvedTrainer:
    plugin = str(block["plugin"])
    file, trainer = in_file(plugin), trainers.find(plugin, root)
    options = trainers.make_options(plugin, trainer, {key: value for key, value in block.items() if key != "plugin"})
    if plugin == trainers.NATIVE:
        return ResolvedTrainer(trainer)
    said = to_json(trainer.spec_options(options, root))
    short = plugin if file is None else file.short
    return ResolvedTrainer(
        trainer,
        {"trainer": {"plugin": short, "version": trainers.version_of(plugin, root), "options": said}},
        {trainers.SOURCE: plugin, **trainer.settings(options)},
        trainer.follows_recipe(options),
    )
