"""What a strategy class must look like to be used: found wrong before any work, not in the middle of a training."""

from __future__ import annotations

from stabbench.errors import UserError, unknown
from stabbench.plugins.checking import check_names, made, subclass
from stabbench.plugins.options import check_options
from stabbench.recipe import RECIPE_FIELDS, Recipe
from stabbench.strategies.contract import Strategy, overrides
from stabbench.strategies.hooks import METHODS, SignatureError, hook_of


def check_class(found: object, label: str) -> type[Strategy]:
    """The class itself, if it keeps to the contract; `label` names plugin and distribution in errors.

    Raises UserError for what is no subclass of Strategy, for a hook with an argument that the contract does not have or
    with a name that is nearly a hook's, for a recipe with unknown fields or values out of range, for options that are
    no frozen dataclass, and for a class that cannot be made without arguments.
    """
    strategy = subclass(found, Strategy, label)
    check_names(strategy, Strategy, METHODS, label)
    _check_recipe(strategy, label)
    check_options(strategy.Options, label)
    _check_hooks(strategy, made(strategy, label), label)
    return strategy


def _check_hooks(strategy: type[Strategy], instance: Strategy, label: str) -> None:
    wrong = []
    for hook in METHODS:
        if overrides(strategy, hook):
            try:
                hook_of(instance, hook)
            except SignatureError as error:
                wrong.append(str(error))
    if wrong:
        raise UserError(f"{label}: {'; '.join(wrong)}")


def _check_recipe(strategy: type[Strategy], label: str) -> None:
    for field in strategy.recipe:
        if field not in RECIPE_FIELDS:
            raise unknown(f"field in the recipe of {label}", field, RECIPE_FIELDS)
    try:
        Recipe().override(strategy.recipe)
    except (TypeError, ValueError) as error:
        raise UserError(f"{label}: `recipe`: {error}") from error
