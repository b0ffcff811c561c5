"""A kind of plugin: what its entry points and files hold. Only what is named is imported."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import Distribution, EntryPoint, EntryPoints, entry_points
from pathlib import Path
from types import FunctionType
from typing import Any, Generic, TypeVar

from stabbench.errors import UserError, unknown
from stabbench.files import sha256_of_file
from stabbench.folders import why_absent
from stabbench.plugins.files import import_file, in_file

T = TypeVar("T")
OURS = __name__.partition(".")[0]


@dataclass(frozen=True)
class Installed:
    """An entry point: its name, `module:attribute`, and the distribution that brings it, with its version."""

    name: str
    where: str
    distribution: str
    version: str

    @property
    def origin(self) -> str:
        """How errors name the code: `my_plugin:Mine of my-plugin 2.1`."""
        return f"{self.where} of {self.distribution} {self.version}".rstrip()


@dataclass(frozen=True)
class Registry(Generic[T]):
    """All plugins of one kind.

    `what` is the kind's name in messages, `group` that of its entry points, whose last part is the kind's plural.
    `check` gives back what was imported, typed, or raises UserError with what is wrong; it is told the plugin's label.
    """

    what: str
    group: str
    check: Callable[[object, str], T]

    @property
    def plural(self) -> str:
        """`task sources`."""
        return self.group.rpartition(".")[2].replace("_", " ")

    def names(self) -> list[str]:
        """What is installed, by the alphabet; nothing is imported."""
        return list(dict.fromkeys(plugin.name for plugin in self.listed()))

    def has(self, name: str) -> bool:
        """Whether something of that name is installed; nothing is imported."""
        return name in installed(self.group).names

    def listed(self) -> list[Installed]:
        """Every entry point, by the alphabet; nothing is imported."""
        return [_described(point) for point in sorted(installed(self.group), key=lambda point: point.name)]

    def load(self, name: str, root: Path = Path()) -> T:
        """Import a plugin by its installed name, or from a file as `./file.py:Class`, relative to `root`.

        UserError for an unknown name, one that two distributions give to different code, a file or class that is not
        there, an import that fails, and whatever `check` finds.
        """
        file = in_file(name)
        label = self.label(name)
        if file is None:
            found = _attempted(self._entry_point(name).load, label)
        else:
            path = root / file.file
            if not path.is_file():
                raise UserError(f"{label}: there is no file {path}{why_absent(path)}")
            names = vars(_attempted(lambda: import_file(path), label))
            if file.name not in names:
                known = [key for key, value in names.items() if isinstance(value, (type, FunctionType))]
                raise unknown(f"{'function' if self.what == 'metric' else 'class'} in {path}", file.name, known)
            found = names[file.name]
        return self.check(found, label)

    def shared(self, name: str) -> Any:
        """An object of an installed class, one for all who ask; raises as `load` does."""
        return _made(self, name, tuple(sys.path))

    def code(self, name: str, root: Path = Path()) -> str:
        """What tells a plugin's code from another's of its name: a file's hash, the distribution of another package.

        Empty for this package's own.
        """
        file = in_file(name)
        if file is not None:
            return f"sha256:{sha256_of_file(root / file.file)}"
        plugin = _described(self._entry_point(name))
        return "" if plugin.distribution == OURS else f"{plugin.distribution} {plugin.version}"

    def label(self, name: str) -> str:
        """How errors name a plugin: `strategy 'mixout' (stabbench.strategies.mixout:Mixout of stabbench 0.1.0)`."""
        origins = [f" ({plugin.origin})" for plugin in self.listed() if plugin.name == name]
        return f"{self.what} '{name}'{origins[0] if origins else ''}"

    def _entry_point(self, name: str) -> EntryPoint:
        points = installed(self.group).select(name=name)
        if not points:
            raise unknown(self.what, name, self.names())
        first, *others = points
        for other in others:
            if other.value != first.value:
                origins = " and ".join(_described(point).origin for point in (first, other))
                raise UserError(f"two {self.plural} are named '{name}': {origins}; uninstall one of them")
        return first


def installed(group: str) -> EntryPoints:
    """The entry points of a group; nothing is imported."""
    return _of_group(group, tuple(sys.path))


@lru_cache(maxsize=32)
def _of_group(group: str, path: tuple[str, ...]) -> EntryPoints:
    found: EntryPoints = _all_on(path).select(group=group)
    return found


@lru_cache(maxsize=1)  # the metadata of all distributions is read each time, and a plan asks for each of its strategies
def _all_on(path: tuple[str, ...]) -> Any:
    """Of every group; a type with `select` that has another name in each version of Python."""
    return entry_points()


@lru_cache(maxsize=256)
def _made(registry: Registry[Any], name: str, path: tuple[str, ...]) -> Any:
    return registry.load(name)()


def _described(point: EntryPoint) -> Installed:
    return Installed(point.name, point.value, *_named(point.dist))


@cache  # each look parses the distribution's whole metadata, and a plan names a strategy for each of its cells
def _named(distribution: Distribution | None) -> tuple[str, str]:
    return ("no distribution", "") if distribution is None else (distribution.name, distribution.version)


def _attempted(importing: Callable[[], T], label: str) -> T:
    try:
        return importing()
    except (Exception, SystemExit) as error:
        raise UserError(f"{label} fails to import: {type(error).__name__}: {error}") from error
