"""A strategy by any of its names: of params.yaml, of an installed package, or a class in a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stabbench.config import Config, ModelBlock, StrategyBlock, load
from stabbench.errors import UserError, unknown
from stabbench.folders import LOCAL_PATH
from stabbench.models import families, sources
from stabbench.models.folder import ModelFolder
from stabbench.plugins import in_file
from stabbench.recipe import Recipe
from stabbench.resolve import ResolvedStrategy, effective_recipe, options_of, resolve_strategy
from stabbench.strategies.contract import Strategy
from stabbench.strategies.registry import STRATEGIES, make_options


@dataclass(frozen=True)
class NamedStrategy:
    """What a name stands for; `config` is params.yaml where there is one."""

    name: str
    block: StrategyBlock
    root: Path
    config: Config | None
    resolved: ResolvedStrategy

    @classmethod
    def find(cls, name: str, params_file: Path) -> NamedStrategy:
        """A strategy of params.yaml comes before an installed one; UserError for what is unknown or wrong with it."""
        config = load(params_file) if params_file.exists() else None
        written = config.strategies if config is not None else {}
        known = {*written, *STRATEGIES.names()}
        if name not in known and in_file(name) is None:
            raise unknown("strategy", name, known)
        block = written.get(name) or StrategyBlock.model_validate({"plugin": name})
        root = params_file.parent
        return cls(name, block, root, config, resolve_strategy(block, name, root))

    def members(self) -> list[tuple[str, type[Strategy], Any]]:
        """The plugins in their order: name, class and options."""
        return [
            (plugin, found, make_options(plugin, found, options_of(self.block, plugin, self.name)))
            for plugin, found in zip(self.block.plugin, self.resolved.classes, strict=True)
        ]

    def recipes(self) -> dict[str, Recipe]:
        """The effective recipe on each model of the grid; without params.yaml, on each architecture of Table 3."""
        if self.config is None:
            recipes = {kind: Recipe().override(family.defaults) for kind, family in families.named().items()}
            for member in self.resolved.classes:
                recipes = {kind: recipe.override(member.recipe) for kind, recipe in recipes.items()}
            return recipes
        config = self.config.model_copy(update={"strategies": {**self.config.strategies, self.name: self.block}})
        kinds = {model: self._architecture(model, config.models[model]) for model in config.grid.models}
        return {
            f"{model} (as bert)" if kind is None else model: effective_recipe(
                config, model, kind or "bert", self.name, self.resolved
            )
            for model, kind in kinds.items()
        }

    def _architecture(self, name: str, block: ModelBlock) -> str | None:
        """The model's architecture, or None where the model is not at hand; nothing is fetched."""
        if block.source == "embedded":
            return "bert"
        if not block.source.startswith(("package:", *LOCAL_PATH)):
            return None
        try:
            return ModelFolder.at(sources.locate(block.source, None, self.root, name)).model_type
        except UserError:
            return None
