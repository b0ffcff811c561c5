"""stabbench tells whether a fine-tuning recipe is stable, by training it under many seeds beside its rivals."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from stabbench.version import __version__

if TYPE_CHECKING:
    from stabbench.errors import UserError
    from stabbench.metrics.own import metric
    from stabbench.models.architecture import Architecture, TensorFacts
    from stabbench.models.batch import Batch
    from stabbench.project import Project
    from stabbench.recipe import Recipe
    from stabbench.recording.recorder import record
    from stabbench.report.comparison import Comparison, compare
    from stabbench.strategies.contract import BoundModel, Context, NoOptions, Strategy, Weights
    from stabbench.tasks.objectives.class_losses import cross_entropy

__all__ = [
    "Architecture",
    "Batch",
    "BoundModel",
    "Comparison",
    "Context",
    "NoOptions",
    "Project",
    "Recipe",
    "Strategy",
    "TensorFacts",
    "UserError",
    "Weights",
    "__version__",
    "compare",
    "cross_entropy",
    "metric",
    "record",
]

_MODULES = {
    "stabbench.errors": ("UserError",),
    "stabbench.metrics.own": ("metric",),
    "stabbench.models.architecture": ("Architecture", "TensorFacts"),
    "stabbench.models.batch": ("Batch",),
    "stabbench.project": ("Project",),
    "stabbench.recipe": ("Recipe",),
    "stabbench.recording.recorder": ("record",),
    "stabbench.report.comparison": ("Comparison", "compare"),
    "stabbench.strategies.contract": ("BoundModel", "Context", "NoOptions", "Strategy", "Weights"),
    "stabbench.tasks.objectives.class_losses": ("cross_entropy",),
}


def __getattr__(name: str) -> object:
    """Import the public names when they are first asked for, so that `import stabbench` stays light."""
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'stabbench' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
