"""Dataclasses from JSON and back: a file's content with its types; what is absent or strange is named by its place."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")
Reader = Callable[[Any], Any]
_KINDS: dict[object, frozenset[type]] = {kind: frozenset([kind]) for kind in (int, str, bool)}
_KINDS[float] = frozenset([int, float])
_SCALARS = frozenset([str, int, float, bool, types.NoneType])
_WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
_LONGEST = 60
_KEPT: dict[Any, tuple[str, ...]] = {}


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
        found = [(key, getattr(value, name), default) for key, name, default in _entries(cast(type, type(value)))]
        return {key: to_json(entry) for key, entry, default in found if entry is not None or default is not None}
    if isinstance(value, Mapping):
        if _SCALARS.issuperset(map(type, value.values())):
            return dict(value)
        return {key: to_json(entry) for key, entry in value.items()}
    if isinstance(value, (tuple, list)):
        return list(value) if _SCALARS.issuperset(map(type, value)) else [to_json(entry) for entry in value]
    return value


@cache
def _entries(kind: type) -> list[tuple[str, str, Any]]:
    return [(key_of(field), field.name, field.default) for field in dataclasses.fields(kind)]


def key_of(field: dataclasses.Field[Any]) -> str:
    """What the file calls a field."""
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
    if origin is Literal:
        return _one_of(arguments)
    if origin is tuple:
        return _of_texts if arguments[0] is str else _of_list(arguments[0])
    return _of_mapping(arguments[1]) if arguments else hint


def _plain(hint: Any) -> Reader:
    kinds = _KINDS[hint]

    def read(value: Any) -> Any:
        if type(value) not in kinds and (not isinstance(value, tuple(kinds)) or type(value) is bool):
            raise ValueError(_wrong(value, _WORDS[hint]))
        return value

    return read


def _one_of(choices: Sequence[Any]) -> Reader:
    def read(value: Any) -> Any:
        if value not in choices:
            raise ValueError(_wrong(value, f"one of {', '.join(map(str, choices))}"))
        return value

    return read


def _of_list(hint: Any) -> Reader:
    item, kinds = _reader(hint), _kinds(hint)

    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, (list, tuple)):
            raise ValueError(_wrong(value, "a list"))
        if kinds.issuperset(map(type, value)):
            return tuple(value)
        return tuple(_all(item, enumerate(value)).values())

    return read


def _of_texts(value: Any) -> tuple[str, ...]:
    """The last list that was like this one: thousands of files name the same tensors, and hashing them takes longer."""
    texts = tuple(value) if isinstance(value, (list, tuple)) else ()
    alike = len(texts), *map(str, texts[-1:])
    if not texts or _KEPT.get(alike) != texts:
        _KEPT[alike] = _of_list(str)(value)
    return _KEPT[alike]


def _of_mapping(hint: Any) -> Reader:
    item, kinds = _reader(hint), _kinds(hint)

    def read(value: Any) -> Any:
        if type(value) is not dict and not isinstance(value, Mapping):
            raise ValueError(_wrong(value, "an object"))
        return value if kinds.issuperset(map(type, value.values())) else _all(item, value.items())

    return read


def _of_dataclass(kind: type) -> Reader:
    hints, make = get_type_hints(kind), _maker(kind)
    fields = [
        (key_of(field), _kinds(hints[field.name]), _reader(hints[field.name]), _default(field))
        for field in dataclasses.fields(kind)
    ]

    def read(data: Any) -> Any:
        if type(data) is not dict and not isinstance(data, Mapping):
            raise ValueError(_wrong(data, "an object"))
        values, key = [], ""
        try:
            for key, kinds, item, default in fields:
                if key in data:
                    value = data[key]
                    values.append(value if type(value) in kinds else item(value))
                else:
                    values.append(default())
        except ValueError as error:
            raise ValueError(f".{key}{error}") from None
        return make(*values)

    return read


def _maker(kind: type) -> Callable[..., Any]:
    """`kind` as it is called, in less time: its twin is filled in faster, as it is not frozen, and given its class."""
    if hasattr(kind, "__post_init__"):
        return kind
    twin = dataclasses.make_dataclass(kind.__name__, [field.name for field in dataclasses.fields(kind)])

    def make(*values: Any) -> Any:
        made = twin(*values)
        made.__class__ = kind
        return made

    return make


def _kinds(hint: Any) -> frozenset[type]:
    """What is taken at once; any other value is looked at by the reader."""
    if get_origin(hint) in (Union, types.UnionType):
        return frozenset().union(*(_kinds(argument) for argument in get_args(hint)))
    return frozenset([hint]) if hint is types.NoneType else _KINDS.get(hint, frozenset())


def _default(field: dataclasses.Field[Any]) -> Callable[[], Any]:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory
    if field.default is not dataclasses.MISSING:
        return lambda: field.default
    return _absent


def _absent() -> Any:
    raise ValueError(" is absent")


def _all(read: Reader, entries: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    found = {}
    for place, value in entries:
        try:
            found[place] = read(value)
        except ValueError as error:
            raise ValueError(f".{place}{error}") from None
    return found


def _wrong(value: object, expected: str) -> str:
    return f" is {repr(value)[:_LONGEST]}, expected {expected}"
