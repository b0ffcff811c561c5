"""What stands beside Hugging Face's Trainer: `StabilityCallback`, which records a run of anybody's Trainer script."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stabbench.huggingface.callback import StabilityCallback

__all__ = ["StabilityCallback"]

_MODULES = {"StabilityCallback": "stabbench.huggingface.callback"}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for: transformers takes seconds."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'stabbench.huggingface' has no attribute '{name}'")
