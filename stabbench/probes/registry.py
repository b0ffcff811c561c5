"""Probes by their installed names, or as `./file.py:Class`; a block of params.yaml names one, or has its name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stabbench.config import Config
from stabbench.config.blocks import Named, block_class, block_named, named_each
from stabbench.errors import UserError
from stabbench.plugins import Registry
from stabbench.probes.contract import Probe

if TYPE_CHECKING:
    from stabbench.report.content import Content
    from stabbench.report.section import Section

PROBES: Registry[type[Probe[Any]]] = Registry("probe", "stabbench.probes", block_class(Probe))  # type: ignore[type-abstract]


def probe_named(config: Config, name: str, root: Path = Path()) -> Named[Probe[Any]]:
    """The probe of a block of params.yaml, checked; UserError for an unknown name, kind or option."""
    found = block_named(PROBES, config.probes, name, root)
    try:
        found.plugin.check(found.options, config, root)
    except UserError as error:
        raise UserError(f"probes.{name}: {error}") from error
    return found


def probes_of(config: Config, root: Path = Path()) -> list[Named[Probe[Any]]]:
    """All probes of params.yaml, in its order; UserError listing every mistake in their blocks."""
    return named_each(config.probes, lambda name: probe_named(config, name, root))


def probe_section(folder: Path, content: Content, root: Path = Path()) -> Section:
    """The chapter of what a probe left in `folder`; UserError where it cannot be read or is of an unknown kind."""
    from stabbench.report.measurement import MeasuredProbe

    measured = MeasuredProbe.read(folder)
    return PROBES.load(measured.kind, root)().section(measured, content)
