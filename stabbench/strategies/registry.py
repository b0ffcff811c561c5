"""Finding strategies: the entry-point group `stabbench.strategies`; only what is named is imported."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from stabbench.errors import UserError, unknown
from stabbench.files import sha256_of_file
from stabbench.strategies.contract import Strategy

GROUP = "stabbench.strategies"


def installed() -> dict[str, EntryPoint]:
    """All installed strategies by name; UserError where two distributions claim one name."""
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        other = found.get(point.name)
        if other is not None and other.value != point.value:
            raise UserError(
                f"two strategies are named '{point.name}': {_origin(other)} and {_origin(point)}; uninstall one of them"
            )
        found[point.name] = point
    return found


def load(name: str) -> type[Strategy]:
    """Import one strategy by name.

    Raises UserError for an unknown name, an import that fails, and an object that is not a Strategy class.
    """
    points = installed()
    if name not in points:
        raise unknown("strategy", name, points)
    point = points[name]
    try:
        strategy = point.load()
    except Exception as error:
        raise UserError(f"strategy '{name}' ({_origin(point)}) fails to import: {error!r}") from error
    if not (isinstance(strategy, type) and issubclass(strategy, Strategy)):
        raise UserError(
            f"strategy '{name}' ({_origin(point)}) is {strategy!r}, expected a subclass of stabbench.Strategy"
        )
    return strategy


def load_file(path: Path, attribute: str) -> type[Strategy]:
    """Import a strategy class from a Python file; UserError where that fails."""
    if not path.is_file():
        raise UserError(f"no strategy file {path}: found in `plugin: {path}:{attribute}`")
    specification = spec_from_file_location(f"stabbench_plugin_{path.stem}", path)
    if specification is None or specification.loader is None:
        raise UserError(f"{path} is not a Python file")
    module = module_from_spec(specification)
    sys.modules[specification.name] = module
    try:
        specification.loader.exec_module(module)
    except Exception as error:
        raise UserError(f"strategy file {path} fails to import: {error!r}") from error
    strategy = getattr(module, attribute, None)
    if strategy is None:
        classes = [name for name, value in vars(module).items() if isinstance(value, type)]
        raise unknown(f"class in {path}", attribute, classes)
    if not (isinstance(strategy, type) and issubclass(strategy, Strategy)):
        raise UserError(f"{path}:{attribute} is {strategy!r}, expected a subclass of stabbench.Strategy")
    return strategy


def find(plugin: str, root: Path) -> tuple[type[Strategy], str]:
    """The strategy class that `plugin` names (an installed name or `./file.py:Class`), and what tells its code apart.

    The second is the class's version, with the distribution's for a strategy of another package and the file's hash for
    a file.
    """
    if ".py:" in plugin:
        file, _, attribute = plugin.rpartition(":")
        path = root / file
        return load_file(path, attribute), f"sha256:{sha256_of_file(path)}"
    strategy = load(plugin)
    distribution = installed()[plugin].dist
    if distribution is None or distribution.name == "stabbench":
        return strategy, strategy.version
    return strategy, f"{strategy.version} of {distribution.name} {distribution.version}"


def make_options(name: str, strategy: type[Strategy], values: Mapping[str, Any]) -> Any:
    """The strategy's options with `values` set; UserError for unknown names and values out of range."""
    known = [field.name for field in dataclasses.fields(strategy.Options)]
    for key in values:
        if key not in known:
            raise unknown(f"option of strategy '{name}'", key, known)
    plain = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    try:
        return strategy.Options(**plain)
    except (TypeError, ValueError) as error:
        raise UserError(f"options of strategy '{name}': {error}") from error


def _origin(point: EntryPoint) -> str:
    distribution = point.dist.name if point.dist is not None else "unknown distribution"
    return f"{point.value} of {distribution}"
