"""The mistakes that pydantic finds, as `path: found …, expected …`."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stabbench.config.schema import Config
from stabbench.config.values import LONGEST_NAME
from stabbench.errors import UserError, meant

Problem: TypeAlias = tuple[str, str]
"""Where in the file, and what is wrong there."""
BlockT = TypeVar("BlockT", bound=BaseModel)

_TYPES = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a text",
    "model_type": "a block of keys",
    "model_attributes_type": "a block of keys",
    "dict_type": "a block of keys",
    "mapping_type": "a block of keys",
}


def problems_of(error: ValidationError) -> list[Problem]:
    """One problem for each of pydantic's errors in params.yaml, in their order."""
    return problems_in(error, Config)


def problems_in(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """One problem for each of pydantic's errors in a block of the given model, in their order."""
    return [(_path(details["loc"]), _message(details, model)) for details in error.errors(include_url=False)]


def checked(values: Mapping[str, Any], model: type[BlockT], where: str) -> BlockT:
    """The block that `values` make; UserError with a line for each mistake, its path beginning with `where`."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        lines = [f"{where}.{path}: {what}" for path, what in problems_in(error, model)]
        raise UserError("\n".join(lines)) from error


def _path(location: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in location if part != "[key]") or "(top)"


def _message(details: ErrorDetails, model: type[BaseModel]) -> str:
    kind, found, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(details["loc"], model)
    if kind == "missing":
        return "is missing: add it"
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        if isinstance(found, str) and len(found) > LONGEST_NAME:
            return f"found a name of {len(found)} letters ({found[:30]}…), expected {LONGEST_NAME} at most"
        return f"found {found!r}, expected a name of lower-case letters, digits, '-' and '_'"
    return f"found {_shown(found)}, expected {_expected(kind, context, details['msg'])}"


def _expected(kind: str, context: dict[str, Any], message: str) -> str:
    if kind in _TYPES:
        return _TYPES[kind]
    if kind == "literal_error":
        return str(context["expected"])
    if kind == "greater_than":
        return "a positive number" if context["gt"] == 0 else f"a number above {context['gt']:g}"
    if kind == "greater_than_equal":
        return f"a number of at least {context['ge']:g}"
    if kind == "too_short":
        return f"at least {context['min_length']} of them"
    if kind == "less_than":
        return f"a number below {context['lt']:g}"
    if kind == "less_than_equal":
        return f"a number of at most {context['le']:g}"
    return message[:1].lower() + message[1:]


def _shown(value: object) -> str:
    text = "null" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _unknown_key(location: Sequence[int | str], model: type[BaseModel]) -> str:
    known = sorted(_fields_at(location[:-1], model))
    close = meant(str(location[-1]), known)
    hint = f": did you mean '{close}'?" if close else "."
    return f"unknown key{hint} Known: {', '.join(known)}"


def _fields_at(location: Sequence[int | str], model: type[BaseModel]) -> list[str]:
    kind: Any = model
    for part in location:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = _inner(kind.model_fields[str(part)].annotation)
        else:
            kind = _inner(typing.get_args(kind)[-1])
    return list(kind.model_fields)


def _inner(annotation: Any) -> Any:
    if typing.get_origin(annotation) is typing.Annotated:
        return _inner(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return _inner(next(kind for kind in typing.get_args(annotation) if kind is not type(None)))
    return annotation
