"""Finding strategies: the entry-point group `stabbench.strategies`, or a file; only what is named is imported."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from stabbench.errors import UserError, unknown
from stabbench.files import sha256_of_file
from stabbench.strategies.checking import check_class
from stabbench.strategies.contract import Strategy
from stabbench.strategies.files import import_file

GROUP = "stabbench.strategies"


def installed() -> dict[str, EntryPoint]:
    """All installed strategies by name, in alphabetical order; nothing is imported."""
    return dict(sorted((point.name, point) for point in _points()))


def entry_point(name: str) -> EntryPoint:
    """The one entry point of this name; UserError where there is none, or two lead to different code."""
    points = [point for point in _points() if point.name == name]
    if not points:
        raise unknown("strategy", name, installed())
    for other in points[1:]:
        if other.value != points[0].value:
            raise UserError(
                f"two strategies are named '{name}': {_origin(points[0])} and {_origin(other)}; uninstall one of them"
            )
    return points[0]


def _points() -> tuple[EntryPoint, ...]:
    return _points_on(tuple(sys.path))


@lru_cache(maxsize=1)  # the metadata of all distributions is read each time, and a plan asks for each of its strategies
def _points_on(path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))


def load(name: str) -> type[Strategy]:
    """Import one installed strategy by name.

    Raises UserError for an unknown name, one that two distributions claim, an import that fails, and a class that does
    not keep to the contract (`check_class`); each names plugin and distribution, and the hook.
    """
    point = entry_point(name)
    try:
        strategy = point.load()
    except Exception as error:
        raise UserError(f"{label(name)} fails to import: {_cause(error)}") from error
    return check_class(strategy, label(name))


def load_file(path: Path, attribute: str) -> type[Strategy]:
    """Import a strategy class from a Python file; UserError where that fails, as in `load`."""
    named = label(f"{path}:{attribute}")
    if not path.is_file():
        raise UserError(f"no strategy file {path}: found in `plugin: {path}:{attribute}`")
    try:
        module = import_file(path)
    except Exception as error:
        raise UserError(f"{named} fails to import: {_cause(error)}") from error
    strategy = getattr(module, attribute, None)
    if strategy is None:
        classes = [name for name, value in vars(module).items() if isinstance(value, type)]
        raise unknown(f"class in {path}", attribute, classes)
    return check_class(strategy, named)


def find(plugin: str, root: Path) -> tuple[type[Strategy], str]:
    """The strategy class that `plugin` names (an installed name or `./file.py:Class`), and what tells its code apart.

    The second is the class's version, with the distribution's for a strategy of another package and the file's hash for
    a file.
    """
    if is_file(plugin):
        file, _, attribute = plugin.rpartition(":")
        path = root / file
        return load_file(path, attribute), f"sha256:{sha256_of_file(path)}"
    strategy = load(plugin)
    distribution = entry_point(plugin).dist
    if distribution is None or distribution.name == "stabbench":
        return strategy, strategy.version
    return strategy, f"{strategy.version} of {distribution.name} {distribution.version}"


def is_file(plugin: str) -> bool:
    """Whether `plugin` names a class in a file."""
    return ".py:" in plugin


def make_options(plugin: str, strategy: type[Strategy], values: Mapping[str, Any]) -> Any:
    """The strategy's options with `values` set; UserError for unknown names and values out of range."""
    known = [field.name for field in dataclasses.fields(strategy.Options)]
    for key in values:
        if key not in known:
            raise unknown(f"option of {label(plugin)}", key, known)
    plain = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    try:
        return strategy.Options(**plain)
    except (TypeError, ValueError) as error:
        raise UserError(f"options of {label(plugin)}: {error}") from error


def label(plugin: str) -> str:
    """How errors name a plugin: `strategy 'mixout' (stabbench.strategies.mixout:Mixout of stabbench 0.1.0)`."""
    point = installed().get(plugin)
    return f"strategy '{plugin}'" if point is None else f"strategy '{plugin}' ({_origin(point)})"


def _origin(point: EntryPoint) -> str:
    distribution = point.dist
    return f"{point.value} of " + (f"{distribution.name} {distribution.version}" if distribution else "no distribution")


def _cause(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
