"""What a strategy class must look like to be used: found wrong before any work, not in the middle of a training."""

from __future__ import annotations

import dataclasses
import inspect

from stabbench.errors import UserError, nearest, unknown
from stabbench.recipe import RECIPE_FIELDS, Recipe
from stabbench.strategies.contract import Strategy, overrides
from stabbench.strategies.hooks import METHODS, SignatureError, hook_of


def check_class(strategy: object, label: str) -> type[Strategy]:
    """The class itself, if it keeps to the contract; `label` names plugin and distribution in errors.

    Raises UserError for what is no subclass of Strategy, for a hook with an argument that the contract does not have or
    with a name that is nearly a hook's, for a recipe with unknown fields or values out of range, for options that are
    no frozen dataclass, and for a class that cannot be made without arguments.
    """
    if not (isinstance(strategy, type) and issubclass(strategy, Strategy)):
        raise UserError(f"{label} is {strategy!r}, expected a subclass of stabbench.Strategy")
    _check_names(strategy, label)
    _check_recipe(strategy, label)
    options = strategy.Options
    if not (dataclasses.is_dataclass(options) and options.__dataclass_params__.frozen):  # type: ignore[attr-defined]
        raise UserError(f"{label}: `Options` is {options!r}, expected a class with @dataclass(frozen=True)")
    try:
        made = strategy()
    except Exception as error:
        raise UserError(f"{label}: `__init__`: {strategy.__name__}() raises {error!r}") from error
    _check_hooks(strategy, made, label)
    return strategy


def _check_hooks(strategy: type[Strategy], made: Strategy, label: str) -> None:
    wrong = []
    for hook in METHODS:
        if overrides(strategy, hook):
            try:
                hook_of(made, hook)
            except SignatureError as error:
                wrong.append(str(error))
    if wrong:
        raise UserError(f"{label}: {'; '.join(wrong)}")


def _check_names(strategy: type[Strategy], label: str) -> None:
    """A public method that is nearly named like a hook would never be called."""
    for name in dir(strategy):
        if name.startswith("_") or hasattr(Strategy, name) or not inspect.isroutine(getattr(strategy, name)):
            continue
        hook = nearest(name, METHODS, cutoff=0.85)
        if hook is not None:
            raise UserError(f"{label}: unknown hook `{name}`: did you mean `{hook}`? (`_{name}` is left alone)")


def _check_recipe(strategy: type[Strategy], label: str) -> None:
    for field in strategy.recipe:
        if field not in RECIPE_FIELDS:
            raise unknown(f"field in the recipe of {label}", field, RECIPE_FIELDS)
    try:
        Recipe().override(strategy.recipe)
    except (TypeError, ValueError) as error:
        raise UserError(f"{label}: `recipe`: {error}") from error
