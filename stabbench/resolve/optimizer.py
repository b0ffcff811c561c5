"""A recipe as a plan has it: its optimizer found, with all options, and what of the recipe it does not go by."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stabbench.errors import UserError
from stabbench.plan import Cell
from stabbench.plugins import in_file
from stabbench.recipe import ADAM_FIELDS, ADAMW, Recipe, spec_of, unread
from stabbench.strategies.contract import Strategy, overrides
from stabbench.training import optimizers
from stabbench.training.optimizers.contract import scores_other_weights
from stabbench.typed_json import to_json

AVERAGED = ("scored_weights", "after_update")
"""Hooks that are about the weights after an update, which an optimizer that scores others does not have."""


@dataclass(frozen=True)
class PlannedRecipe:
    """What a spec says of a recipe, and where its optimizer lies, if it is one of a file."""

    spec: Mapping[str, Any]
    sources: Mapping[str, str]

    @classmethod
    def of(cls, recipe: Recipe, examples: int, root: Path, place: str, written: Collection[str] = ()) -> PlannedRecipe:
        """Of a recipe for a training on so many examples; `written` are fields that somebody set for just this one.

        Raises UserError, which begins with `place`, for an unknown optimizer, for options that it does not have, and
        where a field that is written decides nothing.
        """
        try:
            chosen = optimizers.find(recipe.optimizer, recipe.optimizer_options, root)
        except UserError as error:
            raise UserError(*(f"{place}: {text}" for text in error.messages)) from error
        idle = {
            name: f"the schedule is '{recipe.schedule}', and {name} is one of '{of}'"
            for name, of in unread(recipe).items()
        }
        not_read = () if chosen.optimizer.reads_adam_fields else ADAM_FIELDS
        own = [field.name for field in dataclasses.fields(chosen.options)]
        says = f"the optimizer '{recipe.optimizer}' does not go by it; its own options: {', '.join(own) or 'none'}"
        idle |= dict.fromkeys(not_read, f"{says} (`optimizer_options`)")
        found = [f"{place}: {name}: {idle[name]}: leave it out" for name in written if name in idle]
        if found:
            raise UserError(*found)
        if recipe.optimizer == ADAMW:
            return cls(spec_of(recipe, examples), {})
        file = in_file(recipe.optimizer)
        said = dataclasses.replace(
            recipe,
            optimizer=recipe.optimizer if file is None else file.short,
            optimizer_options=to_json(dataclasses.asdict(chosen.options)),
        )
        version = {optimizers.VERSION: optimizers.version_of(recipe.optimizer, root)}
        sources = {} if file is None else {optimizers.SOURCE: recipe.optimizer}
        return cls({**spec_of(said, examples, not_read), **version}, sources)


def check_optimizer(cell: Cell, strategies: Collection[type[Strategy]], root: Path) -> None:
    """UserError where a cell's optimizer cannot be used with its recipe, or with one of its strategies."""
    recipe = cell.recipe()
    chosen = optimizers.of(cell, recipe, root)
    if chosen is None:
        return
    place = f"{cell.name}: optimizer '{recipe.optimizer}'"
    reason = chosen.optimizer.refused(recipe, chosen.options)
    if reason is not None:
        raise UserError(f"{place}: {reason}")
    for strategy in strategies:
        hooks = [hook for hook in AVERAGED if overrides(strategy, hook)]
        if hooks and scores_other_weights(chosen.optimizer):
            raise UserError(
                f"{place} scores weights of its own, and {strategy.__name__} goes by those after each update "
                f"(`{hooks[0]}`): take one of them"
            )
        if strategy.needs_adam and recipe.optimizer != "adam":
            raise UserError(
                f"{place}: {strategy.__name__} is defined with Adam's step: leave the optimizer out, or set it to adam"
            )
