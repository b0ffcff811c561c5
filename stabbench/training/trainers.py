"""Trainers by their installed names, or as `./file.py:Class`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stabbench.errors import UserError
from stabbench.plan import Cell
from stabbench.plugins import Registry, checked_class, in_file
from stabbench.plugins.options import check_options
from stabbench.plugins.options import make_options as made
from stabbench.training.contract import Trainer

NATIVE = "native"
SOURCE = "trainer"
"""The key of a cell's sources that says where its trainer is, where it lies in a file."""


def check_trainer(found: object, label: str) -> type[Trainer]:
    """The class itself, if it keeps to the contract of trainers; UserError otherwise."""
    trainer = checked_class(found, Trainer, label, name=str, version=str)  # type: ignore[type-abstract]
    check_options(trainer.Options, label)
    if trainer.takes not in ("tensors", "files"):
        raise UserError(f"{label}: `takes` is {trainer.takes!r}, expected 'tensors' or 'files'")
    return trainer


TRAINERS = Registry("trainer", "stabbench.trainers", check_trainer)


def find(name: str = NATIVE, root: Path = Path()) -> Trainer:
    """The trainer of that name; UserError where there is none."""
    trainer: Trainer = TRAINERS.shared(name) if in_file(name) is None else TRAINERS.load(name, root)()
    return trainer


def version_of(name: str, root: Path) -> str:
    """What tells its code apart: its version, with the distribution's for one of another package, or a file's hash."""
    code = TRAINERS.code(name, root)
    if in_file(name) is not None:
        return code
    version = find(name, root).version
    return f"{version} of {code}" if code else version


def of(cell: Cell, root: Path) -> Trainer:
    """The trainer of a planned cell; UserError where it is not the one that the plan names."""
    planned = cell.spec.trainer
    if planned is None:
        return find()
    where = cell.sources.get(SOURCE, planned.name)
    version = version_of(where, root)
    if version != planned.version:
        raise UserError(
            f"trainer '{planned.name}' is of version {version}, the plan names {planned.version}: run `stabbench plan` "
            "again"
        )
    return find(where, root)


def make_options(name: str, trainer: Trainer, values: Mapping[str, Any]) -> Any:
    """The trainer's options with `values` set; UserError for unknown names and values out of range."""
    return made(trainer.Options, values, TRAINERS.label(name))
