"""What a model is trained for: one module an objective."""

from __future__ import annotations

from stabbench.plugins import Registry, checked_class
from stabbench.tasks.objectives.contract import Objective


def check_objective(found: object, label: str) -> type[Objective]:
    """The class itself, if it keeps to the contract of objectives; UserError otherwise."""
    return checked_class(found, Objective, label, name=str)  # type: ignore[type-abstract]


OBJECTIVES = Registry("objective", "stabbench.objectives", check_objective)


def find(name: str = "classification") -> Objective:
    """The objective of that name; UserError where there is none."""
    objective: Objective = OBJECTIVES.shared(name)
    return objective
