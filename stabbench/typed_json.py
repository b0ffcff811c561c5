"""Dataclasses from JSON and back: a file's content with its types; what is absent or strange is named by its place."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")
Reader = Callable[[Any], Any]
_KINDS: dict[object, tuple[type, ...]] = {int: (int,), float: (int, float), str: (str,), bool: (bool,)}
_WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
_LONGEST = 60


def renamed(key: str) -> dict[str, str]:
    """The metadata of a field that the file calls `key`."""
    return {"key": key}


def from_json(kind: type[T], data: object) -> T:
    """An object of a dataclass from what a JSON file holds; other keys of the file are passed over.

    Fields are numbers, texts, truths, mappings from texts, tuples, such dataclasses, or None. Values are taken as they
    are: a whole number stays one where any number is expected. ValueError tells the place and what is wrong there.
    """
    try:
        return cast(T, _reader(cast(Any, kind))(data))
    except ValueError as error:
        raise ValueError(str(error).removeprefix(".")) from None


def to_json(value: Any) -> Any:
    """What `from_json` reads as this again; a field that is None, as it is where nobody says otherwise, is left out."""
    if dataclasses.is_dataclass(value):
        found = [(field, getattr(value, field.name)) for field in dataclasses.fields(value)]
        return {_key(field): to_json(entry) for field, entry in found if entry is not None or field.default is not None}
    if isinstance(value, Mapping):
        return {key: to_json(entry) for key, entry in value.items()}
    return [to_json(entry) for entry in value] if isinstance(value, (tuple, list)) else value


def _key(field: dataclasses.Field[Any]) -> str:
    return str(field.metadata.get("key", field.name))


@cache
def _reader(hint: Any) -> Reader:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _KINDS:
        return _plain(hint)
    if hint is Any:
        return lambda value: value
    if dataclasses.is_dataclass(hint):
        return _of_dataclass(cast(type, hint))
    if origin in (Union, types.UnionType):
        (present,) = (_reader(argument) for argument in arguments if argument is not types.NoneType)
        return lambda value: None if value is None else present(value)
    if origin is tuple:
        return _of_list(_reader(arguments[0]))
    return _of_mapping(_reader(arguments[1]) if arguments else None, hint if isinstance(hint, type) else None)


def _plain(hint: Any) -> Reader:
    kinds, booleans = _KINDS[hint], hint is bool

    def read(value: Any) -> Any:
        if not isinstance(value, kinds) or (isinstance(value, bool) and not booleans):
            raise ValueError(_wrong(value, _WORDS[hint]))
        return value

    return read


def _of_list(item: Reader) -> Reader:
    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, (list, tuple)):
            raise ValueError(_wrong(value, "a list"))
        return tuple(_inside(item, entry, str(place)) for place, entry in enumerate(value))

    return read


def _of_mapping(item: Reader | None, kind: type | None) -> Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise ValueError(_wrong(value, "an object"))
        if item is None:
            return value if kind is None else kind(value)
        return {key: _inside(item, entry, key) for key, entry in value.items()}

    return read


def _of_dataclass(kind: type) -> Reader:
    hints = get_type_hints(kind)
    fields = [
        (field.name, _key(field), _reader(hints[field.name]), not _has_default(field))
        for field in dataclasses.fields(kind)
    ]

    def read(data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise ValueError(_wrong(data, "an object"))
        values = {}
        for name, key, item, required in fields:
            if key in data:
                values[name] = _inside(item, data[key], key)
            elif required:
                raise ValueError(f".{key} is absent")
        return kind(**values)

    return read


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def _inside(read: Reader, value: Any, place: str) -> Any:
    try:
        return read(value)
    except ValueError as error:
        raise ValueError(f".{place}{error}") from None


def _wrong(value: object, expected: str) -> str:
    return f" is {repr(value)[:_LONGEST]}, expected {expected}"
