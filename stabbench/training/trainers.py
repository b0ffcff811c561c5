"""Trainers by their installed names, or as `./file.py:Class`."""

from __future__ import annotations

from stabbench.errors import UserError
from stabbench.plugins import Registry, checked_class
from stabbench.training.contract import Trainer


def check_trainer(found: object, label: str) -> type[Trainer]:
    """The class itself, if it keeps to the contract of trainers; UserError otherwise."""
    trainer = checked_class(found, Trainer, label)  # type: ignore[type-abstract]
    made = trainer()
    for name in ("name", "version"):
        if not isinstance(getattr(made, name), str):
            raise UserError(f"{label}: `{name}` is {getattr(made, name)!r}, expected a str")
    return trainer


TRAINERS = Registry("trainer", "stabbench.trainers", check_trainer)


def find(name: str = "native") -> Trainer:
    """The trainer of that name; UserError where there is none."""
    trainer: Trainer = TRAINERS.shared(name)
    return trainer
