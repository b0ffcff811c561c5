"""Floating-point operations of a training, from what it trained on."""

from __future__ import annotations

from stabbench.models import families
from stabbench.models.architecture import Architecture


def training_operations(architecture: Architecture, tokens: float, pairs: float, examples: float) -> float:
    """Forward and backward: three times the forward pass, of which the family counts multiply-adds × 2.

    `tokens`: all tokens; `pairs`: the sum of squared lengths; `examples`: how many.
    """
    return 3 * families.of(architecture).operations(architecture, tokens, pairs, examples)
