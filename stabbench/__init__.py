"""stabbench tells whether a fine-tuning recipe is stable, by training it under many seeds beside its rivals."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stabbench.strategies.contract import Strategy

__version__ = "0.1.0"
__all__ = ["Strategy", "__version__"]


def __getattr__(name: str) -> object:
    """Import the public names when they are first asked for, so that `import stabbench` stays light."""
    if name == "Strategy":
        from stabbench.strategies.contract import Strategy

        return Strategy
    raise AttributeError(f"module 'stabbench' has no attribute '{name}'")
