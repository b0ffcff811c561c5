"""Trainers by their installed names, or as `./file.py:Class`."""

from __future__ import annotations

from stabbench.plugins import Registry, checked_class
from stabbench.training.contract import Trainer


def check_trainer(found: object, label: str) -> type[Trainer]:
    """The class itself, if it keeps to the contract of trainers; UserError otherwise."""
    return checked_class(found, Trainer, label, name=str, version=str)  # type: ignore[type-abstract]


TRAINERS = Registry("trainer", "stabbench.trainers", check_trainer)


def find(name: str = "native") -> Trainer:
    """The trainer of that name; UserError where there is none."""
    trainer: Trainer = TRAINERS.shared(name)
    return trainer
