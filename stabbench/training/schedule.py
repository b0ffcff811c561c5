"""Steps, warm-up, learning rate and evaluation points of a training."""

from __future__ import annotations

import math
from dataclasses import dataclass

from stabbench.recipe import Recipe


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up from 0, and linear decay to 0 (paper, section 3.2) or what else a recipe says."""

    steps_per_epoch: int
    total_steps: int
    warmup_steps: int
    peak: float
    evaluations_per_epoch: float
    kind: str = "linear"
    power: float = 1.0
    decay_steps: int = 0
    decay_shape: str = "linear"

    @classmethod
    def of(cls, recipe: Recipe, examples: int) -> Schedule:
        """The schedule of a recipe over `examples` training examples."""
        total = recipe.updates(examples)
        return cls(
            steps_per_epoch=recipe.steps_per_epoch(examples),
            total_steps=total,
            warmup_steps=recipe.warmup_updates(total),
            peak=recipe.learning_rate,
            evaluations_per_epoch=recipe.evaluations_per_epoch,
            kind=recipe.schedule,
            power=recipe.schedule_power,
            decay_steps=recipe.decaying_updates(total),
            decay_shape=recipe.schedule_decay_shape,
        )

    def learning_rate(self, update: int) -> float:
        """The rate of update 0 … total_steps − 1; with a warm-up it is exactly 0 at the first."""
        if update < self.warmup_steps:
            return self.peak * update / self.warmup_steps
        if self.kind != "linear":
            return self.peak * self._factor(update)
        return self.peak * (self.total_steps - update) / max(1, self.total_steps - self.warmup_steps)

    def _factor(self, update: int) -> float:
        """The share of the peak after the warm-up."""
        done = (update - self.warmup_steps) / max(1, self.total_steps - self.warmup_steps)
        if self.kind == "wsd":
            return _decayed(self.decay_shape, 1 - (self.total_steps - update) / max(1, self.decay_steps))
        if self.kind == "polynomial":
            return float((1 - done) ** self.power)
        return _decayed("cosine", done) if self.kind == "cosine" else 1.0

    def evaluations(self) -> list[int]:
        """After how many updates dev is scored."""
        return [step for step in range(1, self.total_steps + 1) if self.evaluates_after(step)]

    def evaluates_after(self, steps: int) -> bool:
        """Whether dev is scored after so many updates: evenly within each epoch, at its end and at the very end.

        With less than one evaluation an epoch: after every so many epochs, and at the very end.
        """
        if steps == self.total_steps:
            return True
        if self.evaluations_per_epoch < 1:
            return steps % round(self.steps_per_epoch / self.evaluations_per_epoch) == 0
        within = (steps - 1) % self.steps_per_epoch + 1
        parts = min(int(self.evaluations_per_epoch), self.steps_per_epoch)
        return any(within == round(part * self.steps_per_epoch / parts) for part in range(1, parts + 1))


def _decayed(shape: str, done: float) -> float:
    """What is left of the rate when this share of the decay is done; all of it before it begins."""
    if done <= 0:
        return 1.0
    if shape == "cosine":
        return (1 + math.cos(math.pi * done)) / 2
    return 1 - math.sqrt(done) if shape == "1-sqrt" else 1 - done
