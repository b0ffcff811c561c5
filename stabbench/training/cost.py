"""What a run costs, counted and not timed: updates, tokens and floating-point operations."""

from __future__ import annotations

from stabbench.models import families
from stabbench.models.architecture import Architecture


def forward_operations(architecture: Architecture, tokens: float, pairs: float, examples: float) -> float:
    """Multiply-adds × 2 of the linear layers and attention in one forward pass, as the model's family counts them.

    `tokens`: all tokens; `pairs`: the sum of squared lengths; `examples`: how many.
    """
    return families.of(architecture).operations(architecture, tokens, pairs, examples)


def training_operations(architecture: Architecture, tokens: float, pairs: float, examples: float) -> float:
    """Forward and backward: three times the forward pass."""
    return 3 * forward_operations(architecture, tokens, pairs, examples)
