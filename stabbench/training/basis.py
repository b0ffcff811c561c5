"""What a run is judged by, whoever trained it: its metrics, the labels, what can be had without a look at the texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from stabbench.metrics.contract import MetricKind
from stabbench.tasks.objectives.contract import Array, Objective, Trivial

if TYPE_CHECKING:
    from stabbench.training.schedule import Schedule


class Operations(Protocol):
    """How many floating-point operations a training takes."""

    def __call__(self, tokens: int, examples: float) -> float:
        """Of so many tokens, and texts, of all forward passes."""
        ...


@dataclass(frozen=True)
class Basis:
    """Whatever is not known is None: then nothing is said that needs it.

    `metrics` holds the headline one first. `dev_labels` and `dev_examples` are `(n,)`, `train_labels` those of the
    training set; `schedule` says the learning rate of every update where a recipe decides it.
    """

    metrics: tuple[str, ...]
    kinds: Mapping[str, MetricKind]
    objective: Objective | None = None
    trivial: Trivial | None = None
    train_labels: Array | None = None
    dev_labels: Array | None = None
    dev_examples: npt.NDArray[np.int64] | None = None
    schedule: Schedule | None = None
    operations: Operations | None = None

    @property
    def constant(self) -> Mapping[str, float]:
        """What the best constant prediction scores, by metric, as far as that is known."""
        if self.trivial is not None:
            return self.trivial.scores
        return {name: kind.trivial for name, kind in self.kinds.items() if kind.trivial is not None}
