"""Weights and gradients of a few runs, and optimizers at work on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from stabbench.recipe import Recipe
from stabbench.testing.optimizers import BIAS, MATRIX, SHAPES, TABLE, UPDATES, decays, drawn
from stabbench.training import optimizers
from stabbench.training.by_rule import ByRule
from stabbench.training.optimizers import OPTIMIZERS
from tests import tiny

__all__ = ["ARCHITECTURE", "BIAS", "MATRIX", "OTHERS", "SHAPES", "TABLE", "UPDATES", "at_work", "drawn", "updated"]

ARCHITECTURE = tiny.inputs().architecture
OTHERS = sorted({*OPTIMIZERS.names()} - {"adamw"})


def rate_of(update: int) -> float:
    """With a warm-up from exactly 0, as schedules have it."""
    return 0.0 if update == 1 else 0.03 / update


def at_work(weights: dict[str, Tensor], name: str, options: Mapping[str, Any], **recipe: Any) -> ByRule:
    values = Recipe(optimizer=name, optimizer_options=options, **recipe)
    chosen = optimizers.find(name, options)
    return ByRule(weights, chosen, values, ARCHITECTURE, decays)


def updated(
    name: str, runs: int = 2, dtype: torch.dtype = torch.float64, rates: Callable[[int], float] = rate_of, **recipe: Any
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The weights after all updates, and what is scored of them."""
    options = recipe.pop("optimizer_options", {})
    weights, *gradients = drawn(runs, dtype)
    optimizer = at_work(weights, name, options, **recipe)
    for update, gradient in enumerate(gradients, start=1):
        optimizer.update(gradient, update, rates(update))
    return weights, dict(optimizer.scored(weights))
