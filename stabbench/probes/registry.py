"""Finding probes: a block of params.yaml names its module, or has the module's name."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from stabbench.config import Config
from stabbench.config.messages import checked
from stabbench.errors import UserError, unknown
from stabbench.probes.contract import Probe

NOT_PROBES = {"contract", "registry", "runs"}


@dataclass(frozen=True)
class Named:
    """A probe with the name, the kind and the options of its block."""

    name: str
    kind: str
    probe: Probe[Any]
    options: Any


def kinds() -> list[str]:
    """Names of the probes that exist."""
    modules = (module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    return sorted(name.replace("_", "-") for name in modules if name not in NOT_PROBES)


def probe_named(config: Config, name: str, root: Path = Path()) -> Named:
    """The probe of a block of params.yaml, checked; UserError for an unknown name, kind or option."""
    if name not in config.probes:
        raise unknown("probe", name, config.probes)
    return _make(config, name, config.probes[name], root)


def probes_of(config: Config, root: Path = Path()) -> list[Named]:
    """All probes of params.yaml, in its order; UserError listing every mistake in their blocks."""
    found, problems = [], []
    for name, block in config.probes.items():
        try:
            found.append(_make(config, name, block, root))
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("\n".join(problems))
    return found


def _make(config: Config, name: str, block: Mapping[str, Any], root: Path) -> Named:
    kind = str(block.get("probe", name))
    if kind not in kinds():
        raise unknown(f"probe in probes.{name}", kind, kinds())
    probe: Probe[Any] = import_module(f"stabbench.probes.{kind.replace('-', '_')}").probe
    values = {key: value for key, value in block.items() if key != "probe"}
    options = checked(values, probe.Options, f"probes.{name}")
    try:
        probe.check(options, config, root)
    except UserError as error:
        raise UserError(f"probes.{name}: {error}") from error
    return Named(name, kind, probe, options)
