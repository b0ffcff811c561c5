"""Blocks of params.yaml whose keys are their plugin's own: studies and probes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from stabbench.config.messages import checked
from stabbench.config.values import Block
from stabbench.errors import UserError, unknown
from stabbench.plugins import Registry, checked_class


class WithOptions(Protocol):
    """A plugin whose `Options` are the keys of its block."""

    Options: ClassVar[type[Any]]


T = TypeVar("T", bound=WithOptions)
Blocks = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Named(Generic[T]):
    """What a block stands for: the kind that it names or is named like, a plugin of that kind, and options."""

    name: str
    kind: str
    plugin: T
    options: Any


def block_class(base: type[T]) -> Callable[[object, str], type[T]]:
    """The check of a kind whose `Options` are a block: whether a class keeps to the contract `base`."""

    def check(found: object, label: str) -> type[T]:
        cls = checked_class(found, base, label)
        options: object = getattr(cls, "Options", None)
        if not (isinstance(options, type) and issubclass(options, Block)):
            raise UserError(f"{label}: `Options` is {options!r}, expected a subclass of {Block.__module__}.Block")
        return cls

    return check


def kind_of(key: str, name: str, block: Mapping[str, Any]) -> str:
    """The plugin that a block names under its kind's key, as in `study: crossed`, or else by its own name."""
    return str(block.get(key, name))


def block_named(registry: Registry[type[T]], blocks: Blocks, name: str, root: Path) -> Named[T]:
    """What the block of that name stands for; UserError for an unknown name, plugin or option.

    `root` is the folder of params.yaml, in which plugins in files lie.
    """
    if name not in blocks:
        raise unknown(registry.what, name, blocks)
    place, block = f"{registry.plural}.{name}", blocks[name]
    try:
        kind = kind_of(registry.what, name, block)
        plugin = registry.load(kind, root)
    except UserError as error:
        raise UserError(*(f"{place}: {message}" for message in error.messages)) from error
    values = {key: value for key, value in block.items() if key != registry.what}
    return Named(name, kind, plugin(), checked(values, plugin.Options, place))


def named_each(blocks: Blocks, find: Callable[[str], Named[T]]) -> list[Named[T]]:
    """What all blocks stand for, in their order; UserError listing every mistake in them."""
    found, problems = [], []
    for name in blocks:
        try:
            found.append(find(name))
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("\n".join(problems))
    return found
