"""Hooks as the trainer calls them: each is passed those of the contract's arguments that it names."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import Any

from stabbench.errors import nearest
from stabbench.strategies.contract import Strategy

METHODS = tuple(name for name, value in vars(Strategy).items() if inspect.isfunction(value) and name[0] != "_")
"""What a strategy may define: its hooks, and what is asked of it before training."""
ARGUMENTS = {hook: tuple(inspect.signature(getattr(Strategy, hook)).parameters)[1:] for hook in METHODS}
"""The contract's arguments of each, in order."""

Hook = Callable[..., Any]


class SignatureError(Exception):
    """A hook's arguments are not the contract's."""


def hook_of(strategy: Strategy, hook: str) -> Hook:
    """A strategy's hook as a function of all the contract's arguments, in the contract's order.

    It names those that it takes, in any order, keyword-only ones and ones with a default among them, and gets no other;
    `**rest` gets, by name, all that are not named. So an argument that a later contract adds disturbs no strategy. A
    hook that takes all of them in their order is returned as it is: the call costs nothing more. Raises SignatureError
    for an argument that the contract does not have, and for `*rest` alone, which names nothing.
    """
    method, expected = getattr(strategy, hook), ARGUMENTS[hook]
    raw = inspect.getattr_static(type(strategy), hook)
    if not callable(method):
        raise SignatureError(f"hook `{hook}` is {method!r}, expected a method")
    if inspect.isfunction(raw) and next(iter(inspect.signature(raw).parameters), None) in (None, *expected):
        raise SignatureError(f"hook `{hook}`: no `self` before its arguments, expected it or `@staticmethod`")
    try:
        signature = inspect.signature(method)
    except ValueError as error:
        raise SignatureError(f"hook `{hook}` is {method!r}, whose arguments cannot be read: {error}") from error
    parameters = [item.replace(annotation=item.empty) for item in signature.parameters.values()]
    rest = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters)
    named = [item for item in parameters if item.kind not in (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL)]
    shown = f"hook `{hook}{signature.replace(parameters=parameters, return_annotation=signature.empty)}`"
    strange = [item.name for item in named if item.name not in expected]
    if strange:
        raise SignatureError(f"{shown}: {_unknown(strange, expected)}; it may take any of {', '.join(expected)}")
    if len(named) < len(parameters) and not rest:
        raise SignatureError(
            f"{shown}: `*` arguments get nothing: name those of {', '.join(expected)} that it takes, or take `**rest`"
        )
    in_order = [item.name for item in named if item.kind is not Parameter.KEYWORD_ONLY]
    if not rest and in_order == list(expected):
        return method  # type: ignore[no-any-return]
    return _passing(method, named, rest, expected)


def _unknown(strange: list[str], expected: tuple[str, ...]) -> str:
    hints = {name: nearest(name, expected) for name in strange}
    told = [f"'{name}'" + (f" (did you mean '{close}'?)" if close else "") for name, close in hints.items()]
    return f"unknown argument{'s' if len(told) > 1 else ''} {', '.join(told)}"


def _passing(method: Hook, named: list[Parameter], rest: bool, expected: tuple[str, ...]) -> Hook:
    """The method, called by the arguments' names."""
    place = {name: number for number, name in enumerate(expected)}
    positional = [place[item.name] for item in named if item.kind is Parameter.POSITIONAL_ONLY]
    own = {item.name for item in named if item.kind is not Parameter.POSITIONAL_ONLY}
    by_name = [(name, place[name]) for name in expected if (rest or name in own) and place[name] not in positional]

    def call(*arguments: Any) -> Any:
        return method(
            *[arguments[number] for number in positional], **{name: arguments[number] for name, number in by_name}
        )

    return call
