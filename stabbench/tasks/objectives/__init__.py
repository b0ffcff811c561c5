"""What a model is trained for: one module an objective."""

from __future__ import annotations

from stabbench.plugins import Registry, checked_class
from stabbench.tasks.objectives.contract import Objective

CLASSIFICATION = "classification"
"""The objective of a task that says nothing of it."""


def check_objective(found: object, label: str) -> type[Objective]:
    """The class itself, if it keeps to the contract of objectives; UserError otherwise."""
    return checked_class(found, Objective, label, name=str, metrics=tuple)  # type: ignore[type-abstract]


OBJECTIVES = Registry("objective", "stabbench.objectives", check_objective)


def find(name: str = CLASSIFICATION, **settings: float) -> Objective:
    """The objective of that name, made with its settings where it has some; UserError where there is none."""
    objective: Objective = OBJECTIVES.load(name)(**settings) if settings else OBJECTIVES.shared(name)
    return objective
