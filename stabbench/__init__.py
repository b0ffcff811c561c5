"""stabbench tells whether a fine-tuning recipe is stable, by training it under many seeds beside its rivals."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stabbench.report.comparison import Comparison, compare
    from stabbench.strategies.contract import Strategy

__version__ = "0.1.0"
__all__ = ["Comparison", "Strategy", "__version__", "compare"]

_PUBLIC = {
    "Comparison": "stabbench.report.comparison",
    "Strategy": "stabbench.strategies.contract",
    "compare": "stabbench.report.comparison",
}


def __getattr__(name: str) -> object:
    """Import the public names when they are first asked for, so that `import stabbench` stays light."""
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'stabbench' has no attribute '{name}'")
