"""What a model is trained for: one module an objective."""

from __future__ import annotations

from stabbench.errors import UserError
from stabbench.plugins import Registry, checked_class
from stabbench.tasks.objectives.contract import Objective


def check_objective(found: object, label: str) -> type[Objective]:
    """The class itself, if it keeps to the contract of objectives; UserError otherwise."""
    objective = checked_class(found, Objective, label)  # type: ignore[type-abstract]
    if not isinstance(getattr(objective, "name", None), str):
        raise UserError(f"{label}: it has no `name`, expected that of its entry point")
    return objective


OBJECTIVES = Registry("objective", "stabbench.objectives", check_objective)


def find(name: str = "classification") -> Objective:
    """The objective of that name; UserError where there is none."""
    objective: Objective = OBJECTIVES.shared(name)
    return objective
