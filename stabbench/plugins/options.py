"""Options of a plugin as a frozen dataclass: a class for them, and values that a user wrote."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

from stabbench.errors import UserError, unknown


def check_options(options: object, label: str) -> None:
    """UserError for a class of options that is no frozen dataclass."""
    parameters = getattr(options, "__dataclass_params__", None)
    if not (isinstance(options, type) and parameters is not None and parameters.frozen):
        raise UserError(f"{label}: `Options` is {options!r}, expected a class with @dataclass(frozen=True)")


def make_options(options: type[Any], values: Mapping[str, Any], label: str) -> Any:
    """The options with `values` set; UserError for unknown names and values out of range, or that no JSON can hold."""
    known = [field.name for field in dataclasses.fields(options)]
    for key in values:
        if key not in known:
            raise unknown(f"option of {label}", key, known)
    plain = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
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
