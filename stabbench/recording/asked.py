"""Whose run it is: what a script says of it, and the command that stabbench runs the script by."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from stabbench.errors import UserError
from stabbench.recording import format
from stabbench.recording.writing import column, whole

OWN_MODEL = "own"
"""What the model is called where nobody names it."""


def names_of(given: Mapping[str, str | None]) -> dict[str, str | None]:
    """Model, task and strategy: those that a command is run with, before those given; None for what is not known.

    UserError where a run stands alone and has no name.
    """
    if os.environ.get(format.OUT):
        return {name: os.environ.get(format.NAME_VARIABLES[name]) or given[name] for name in given}
    lacking = [name for name in ("strategy", "task") if not given[name]]
    if lacking:
        raise UserError(f"record: no {' and no '.join(lacking)} given, expected names: strategy='mine', task='rte'")
    found = {**given, "model": given["model"] or OWN_MODEL}
    return {name: None if value is None else str(value) for name, value in found.items()}


def seed_of(given: int | None) -> int | None:
    """The seed; UserError where a run stands alone without one, or has another one than its command was run for."""
    asked = os.environ.get(format.SEED)
    if not os.environ.get(format.OUT):
        if given is None:
            raise UserError("record: no seed given, expected that of the run: seed=1")
        return whole("seed", given)
    if asked is not None and given is not None and whole("seed", given) != int(asked):
        raise UserError(f"seed is {given}, and the command is run for seed {asked}: take it from ${format.SEED}")
    return given if asked is None else int(asked)


def classes_of(names: Sequence[Any]) -> list[str]:
    """The names of classes as texts; UserError where their order is not known."""
    if isinstance(names, (str, Mapping, set, frozenset)):
        raise UserError(f"label_names is {str(names)[:60]}, expected a list of names in the order of their numbers")
    return [str(name) for name in names]


def counts_of(labels: Any) -> dict[str, int] | None:
    """How many examples have each label; None where labels are no whole numbers."""
    values = column("train_labels", labels)
    if not all(isinstance(value, (int, float)) and float(value).is_integer() and value >= 0 for value in values):
        return None
    return {str(label): count for label, count in sorted(Counter(map(int, values)).items())}
