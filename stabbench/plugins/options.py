"""Options of a plugin as a frozen dataclass: a class for them, and values that a user wrote."""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Iterator, Mapping
from typing import Any, Union, get_args, get_origin, get_type_hints

from stabbench.errors import UserError, unknown

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def check_options(options: object, label: str) -> None:
    """UserError for a class of options that is no frozen dataclass."""
    parameters = getattr(options, "__dataclass_params__", None)
    if not (isinstance(options, type) and parameters is not None and parameters.frozen):
        raise UserError(f"{label}: `Options` is {options!r}, expected a class with @dataclass(frozen=True)")


def make_options(options: type[Any], values: Mapping[str, Any], label: str) -> Any:
    """The options with `values` set; UserError for unknown names and values out of range, or that no JSON can hold.

    A value of another type is one, too, where a field is a truth, number, text, list of these, or any of them or null.
    """
    known = [field.name for field in dataclasses.fields(options)]
    for key in values:
        if key not in known:
            raise unknown(f"option of {label}", key, known)
    plain = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    hints = _hints(options)
    for key, value in plain.items():
        expected = _expected(hints.get(key), value)
        if expected is not None:
            raise UserError(f"options of {label}: {key}: found {values[key]!r}, expected {expected}")
    try:
        made = options(**plain)
    except (TypeError, ValueError) as error:
        raise UserError(f"options of {label}: {error}") from error
    for key, value in values.items():
        if any(isinstance(number, float) and not math.isfinite(number) for number in _flat(value)):
            raise UserError(f"options of {label}: {key}: found {value}, expected a finite number")
    return made


def _flat(value: object) -> Iterator[object]:
    if isinstance(value, list | tuple):
        for part in value:
            yield from _flat(part)
    else:
        yield value


def _hints(options: type[Any]) -> Mapping[str, Any]:
    """The types of its fields; none where they name what their module does not know."""
    try:
        return get_type_hints(options)
    except (NameError, TypeError):
        return {}


def _expected(hint: Any, value: Any) -> str | None:
    """What was expected in the place of a value that is not of the type; None where it is, or the type is another's."""
    kinds = get_args(hint)
    if get_origin(hint) in (Union, types.UnionType) and len(kinds) == 2 and types.NoneType in kinds:
        expected = _expected(kinds[kinds[0] is types.NoneType], value)
        return None if value is None or expected is None else f"{expected} or null"
    if get_origin(hint) is tuple and kinds[1:] == (...,) and kinds[0] in _WORDS:
        alike = isinstance(value, tuple) and all(_expected(kinds[0], entry) is None for entry in value)
        return None if alike else f"a list, each of which is {_WORDS[kinds[0]]}"
    if hint not in _WORDS:
        return None
    right = isinstance(value, (int, float) if hint is float else hint) and (hint is bool) == isinstance(value, bool)
    return None if right else _WORDS[hint]
