"""The contract of a trainer: from what the runs of a cell share, and each one's seeds, to the runs as measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch

from stabbench.recipe import Recipe
from stabbench.training.inputs import Seeds, TrainingInputs
from stabbench.training.measured import Measured

Progress = Callable[[int, int], None]
"""Told how many updates are done, and of how many."""


class Trainer(Protocol):
    """Trains; what its measurements mean is judged elsewhere (`stabbench.training.outcome`)."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def version(self) -> str:
        """Raised when its numbers change."""
        ...

    def unsupported(self, recipe: Recipe, device: torch.device) -> str | None:
        """A sentence where it cannot do what the recipe asks for on such a device; asked before anything is loaded.

        Raises UserError for a setting of its own that there is not.
        """
        ...

    def room(self, inputs: TrainingInputs, seeds: Seeds, free: int | None) -> int:
        """How many of these runs it trains side by side in `free` bytes of a device, at least 1.

        None for `free` means that memory does not matter.
        """
        ...

    def train(
        self,
        inputs: TrainingInputs,
        seeds: Seeds,
        *,
        device: torch.device,
        checkpoint: Path | None = None,
        checkpoint_seconds: float = 600.0,
        progress: Progress | None = None,
        stop: Callable[[Any], None] | None = None,
    ) -> list[Measured]:
        """Train one run for each entry of `seeds`, in that order; each depends on `inputs` and its own seeds alone.

        With a `checkpoint` folder the state is saved there about every `checkpoint_seconds`, and a saved one is
        continued bit for bit. `progress` is told of every update, and so is `stop`, with the trainer's state, whose
        `step` counts updates; it may raise to end the training.
        """
        ...
