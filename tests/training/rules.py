"""Weights and gradients of a few runs, and optimizers at work on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from stabbench.recipe import Recipe
from stabbench.training import optimizers
from stabbench.training.by_rule import ByRule
from stabbench.training.optimizers import OPTIMIZERS
from tests import tiny

ARCHITECTURE = tiny.inputs().architecture
MATRIX, BIAS, TABLE = (
    "bert.encoder.layer.0.intermediate.dense.weight",
    "bert.encoder.layer.0.intermediate.dense.bias",
    "bert.embeddings.word_embeddings.weight",
)
SHAPES = {MATRIX: (5, 3), BIAS: (5,), TABLE: (7, 4)}
OTHERS = sorted({*OPTIMIZERS.names()} - {"adamw"})
UPDATES = 12


def drawn(runs: int, dtype: torch.dtype = torch.float64, updates: int = UPDATES) -> list[dict[str, Tensor]]:
    """Weights, and then gradients of which some are small and some are large, `[S, …]`; the first run's come first."""
    found = []
    for update in range(updates + 1):
        each = []
        for run in range(runs):
            generator = torch.Generator().manual_seed(100 * run + update)
            size = 10.0 ** (update % 4 - 2)
            draw = {
                name: torch.randn(shape, generator=generator, dtype=torch.float64) for name, shape in SHAPES.items()
            }
            each.append({name: tensor * (0.1 if update == 0 else size) for name, tensor in draw.items()})
        found.append({name: torch.stack([one[name] for one in each]).to(dtype) for name in SHAPES})
    return found


def rate_of(update: int) -> float:
    """With a warm-up from exactly 0, as schedules have it."""
    return 0.0 if update == 1 else 0.03 / update


def at_work(weights: dict[str, Tensor], name: str, options: Mapping[str, Any], **recipe: Any) -> ByRule:
    values = Recipe(optimizer=name, optimizer_options=options, **recipe)
    chosen = optimizers.find(name, options)
    return ByRule(weights, chosen, values, ARCHITECTURE, lambda tensor: not tensor.endswith(".bias"))


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
