"""What every contract asks of a class: found wrong before any work, not in the middle of it."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from stabbench.errors import UserError, nearest

BaseT = TypeVar("BaseT")


def checked_class(found: object, base: type[BaseT], label: str, **attributes: type) -> type[BaseT]:
    """The class itself, if it keeps to the contract `base`; `label` names the plugin in errors.

    UserError for what is no subclass, lacks a method or has one of nearly its name, cannot be made without arguments,
    or has a method that cannot be called as the contract's, or one of its `attributes` of another type.
    """
    cls = subclass(found, base, label)
    methods = [name for name, _ in inspect.getmembers(base, inspect.isroutine) if not name.startswith("_")]
    check_names(cls, base, methods, label)
    _check_whole(cls.__name__, getattr(cls, "__abstractmethods__", ()), label)
    instance = made(cls, label)
    for name, kind in attributes.items():
        if not isinstance(value := getattr(instance, name, None), kind):
            raise UserError(f"{label}: `{name}` is {value!r}, expected a {kind.__name__}")
    _check_whole(cls.__name__, {name for name in dir(base) if name[0] != "_" and not hasattr(instance, name)}, label)
    for name in methods:
        _check_call(getattr(instance, name), getattr(base, name), f"{label}: `{name}`")
    return cls


def subclass(found: object, base: type[BaseT], label: str) -> type[BaseT]:
    """`found` as a class; UserError for what is no subclass of `base`, and where that is a protocol, for no class."""
    protocol = vars(base).get("_is_protocol")
    if not (isinstance(found, type) and (protocol or issubclass(found, base))):
        raise UserError(f"{label} is {_said(found)}, expected a subclass of {base.__name__}")
    return found


def _said(found: object) -> str:
    """What a user calls it: a class of a file by its name and its bases', anything else as Python writes it."""
    if not isinstance(found, type):
        return repr(found)
    bases = ", ".join(base.__name__ for base in found.__bases__ if base is not object)
    return f"a class, {found.__name__}({bases})"


def check_names(cls: type, base: type, methods: Sequence[str], label: str) -> None:
    """UserError for a public method that is nearly named like one of the contract's: it would never be called."""
    for name in dir(cls):
        if name.startswith("_") or hasattr(base, name) or not inspect.isroutine(getattr(cls, name)):
            continue
        meant = nearest(name, methods, cutoff=0.85)
        if meant is not None:
            raise UserError(f"{label}: unknown method `{name}`: did you mean `{meant}`? (`_{name}` is left alone)")


def made(cls: type[BaseT], label: str) -> BaseT:
    """An object of the class; UserError where that takes arguments, or fails."""
    try:
        return cls()
    except Exception as error:
        raise UserError(f"{label}: `__init__`: {cls.__name__}() raises {error!r}") from error


def _check_whole(name: str, lacking: Collection[str], label: str) -> None:
    if lacking:
        raise UserError(f"{label}: {name} has no {', '.join(f'`{each}`' for each in sorted(lacking))}")


def _check_call(method: Any, contract: Any, label: str) -> None:
    if not callable(method):
        raise UserError(f"{label} is {method!r}, expected a method")
    _, *given = inspect.signature(contract).parameters.values()
    named = {each.name: each for each in given if each.kind is each.KEYWORD_ONLY}
    names = [each.name for each in given]
    try:
        inspect.signature(method).bind(*(name for name in names if name not in named), **named)
    except TypeError as error:
        raise UserError(f"{label} is called with ({', '.join(names)}): {error}") from error
