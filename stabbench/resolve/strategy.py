"""From a block of `strategies` to classes with their options."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from stabbench.config import StrategyBlock
from stabbench.errors import UserError, unknown
from stabbench.models.architecture import Architecture
from stabbench.plugins import in_file
from stabbench.strategies import registry
from stabbench.strategies.composition import check_claims
from stabbench.strategies.contract import Strategy, is_recipe_only
from stabbench.strategies.hooks import Hook, hook_of
from stabbench.typed_json import to_json


@dataclass(frozen=True)
class ResolvedStrategy:
    """A strategy's classes with their options, and what the spec says of them."""

    classes: tuple[type[Strategy], ...]
    options: tuple[Any, ...]
    """Of each class."""
    plugins: tuple[Mapping[str, Any], ...]
    sources: Mapping[str, str]
    description: str
    reference: str

    def unsupported(self, architecture: Architecture) -> str | None:
        """What the first class that has something against an architecture says; see `Strategy.unsupported`."""
        said = (hook(architecture, options) for hook, options in zip(self._unsupported, self.options, strict=True))
        return next((reason for reason in said if reason is not None), None)

    @cached_property
    def _unsupported(self) -> tuple[Hook, ...]:
        return tuple(hook_of(member(), "unsupported") for member in self.classes)


def resolve_strategy(block: StrategyBlock, name: str, root: Path) -> ResolvedStrategy:
    """Import a strategy's plugins and check their options."""
    found = [(plugin, *registry.find(plugin, root)) for plugin in block.plugin]
    try:
        check_claims([(plugin, strategy) for plugin, strategy, _ in found], block.recipe.changes())
    except UserError as error:
        raise UserError(f"strategies.{name}: {error}") from error
    given: list[Any] = []
    plugins: list[Mapping[str, Any]] = []
    where: dict[str, str] = {}
    for plugin, strategy, version in found:
        options = registry.make_options(plugin, strategy, options_of(block, plugin, name))
        given.append(options)
        if is_recipe_only(strategy):
            continue
        file = in_file(plugin)
        short = plugin if file is None else file.short
        where[short] = plugin
        plugins.append({"plugin": short, "version": version, "options": to_json(dataclasses.asdict(options))})
    return ResolvedStrategy(
        classes=tuple(strategy for _, strategy, _ in found),
        options=tuple(given),
        plugins=tuple(plugins),
        sources=where,
        description=described([strategy for _, strategy, _ in found], block.recipe.changes()),
        reference="; ".join(strategy.reference for _, strategy, _ in found if strategy.reference),
    )


def described(strategies: Iterable[type[Strategy]], written: Mapping[str, Any]) -> str:
    """What plugins say of themselves, and what params.yaml sets of their recipe: `3 epochs; here epochs: 15`."""
    said = [strategy.description for strategy in strategies if strategy.description]
    if written:
        said.append("here " + ", ".join(f"{name}: {_written(value)}" for name, value in written.items()))
    return "; ".join(said)


def _written(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.10g}"
    return value if isinstance(value, str) else json.dumps(value)


def options_of(block: StrategyBlock, plugin: str, name: str) -> Mapping[str, Any]:
    """A single plugin's options stand in the block itself, those of several under each plugin's name."""
    if len(block.plugin) == 1:
        return block.options
    for key, value in block.options.items():
        if key not in block.plugin:
            problem = unknown(f"plugin in strategies.{name}.options", key, block.plugin)
            raise UserError(f"{problem}; with several plugins, options stand under the name of theirs")
        if not isinstance(value, Mapping):
            raise UserError(f"strategies.{name}.options.{key}: found {value!r}, expected the plugin's options by name")
    return dict(block.options.get(plugin, {}))
