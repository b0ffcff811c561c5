"""Optimizers by their installed names, or as `./file.py:Class`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stabbench.errors import UserError
from stabbench.plan import Cell
from stabbench.plugins import Registry, checked_class, in_file
from stabbench.plugins.options import check_options, make_options
from stabbench.recipe import ADAMW, Recipe
from stabbench.training.optimizers.contract import Optimizer

SOURCE = "optimizer"
"""The key of a cell's sources that says where its optimizer is, where it lies in a file."""
VERSION = "optimizer_version"
"""The key of a spec that tells the code of its recipe's optimizer apart."""


def check_optimizer(found: object, label: str) -> type[Optimizer]:
    """The class itself, if it keeps to the contract of optimizers; UserError otherwise."""
    optimizer = checked_class(found, Optimizer, label, version=str)  # type: ignore[type-abstract]
    check_options(optimizer.Options, label)
    return optimizer


OPTIMIZERS = Registry("optimizer", "stabbench.optimizers", check_optimizer)


@dataclass(frozen=True)
class Chosen:
    """An optimizer with its options."""

    optimizer: Optimizer
    options: Any


def find(name: str, values: Mapping[str, Any], root: Path = Path()) -> Chosen:
    """The optimizer of that name with its options; UserError where there is none, or an option is wrong."""
    optimizer: Optimizer = OPTIMIZERS.shared(name) if in_file(name) is None else OPTIMIZERS.load(name, root)()
    if name == ADAMW and values:
        raise UserError(
            f"optimizer_options: found {', '.join(values)}, but AdamW's settings are fields of the recipe: adam_beta1, "
            "adam_beta2, adam_beta2_batch_size, adam_epsilon, adam_formula, bias_correction"
        )
    return Chosen(optimizer, make_options(optimizer.Options, values, OPTIMIZERS.label(name)))


def version_of(name: str, root: Path) -> str:
    """What tells its code apart: its version, with the distribution's for one of another package, or a file's hash."""
    code = OPTIMIZERS.code(name, root)
    if in_file(name) is not None:
        return code
    version = OPTIMIZERS.load(name).version
    return f"{version} of {code}" if code else version


def of(cell: Cell, recipe: Recipe, root: Path) -> Chosen | None:
    """The optimizer of a planned cell, None for the trainer's own; UserError where it is not what the plan names."""
    if recipe.optimizer == ADAMW:
        return None
    where = cell.sources.get(SOURCE, recipe.optimizer)
    version, planned = version_of(where, root), cell.spec[VERSION]
    if version != planned:
        raise UserError(
            f"optimizer '{recipe.optimizer}' is of version {version}, the plan names {planned}: run `stabbench plan` "
            "again"
        )
    return find(where, recipe.optimizer_options, root)
