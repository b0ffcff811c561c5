"""A trainer that trains nothing: a run's score is drawn by its seed, as far around 0.6 as the trainer is told."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stabbench.training.contract import RunFailedError, Trainer
from stabbench.training.inputs import CellFiles, Seeds
from stabbench.training.measured import Evaluated, Measured


@dataclass(frozen=True)
class Spread:
    spread: float = 0.0


class Drawn(Trainer):
    """A run whose `broken-<seed>` is in the project's folder fails."""

    name = "drawn"
    version = "1"
    Options = Spread
    takes = "files"

    def follows_recipe(self, options: Spread) -> bool:
        return False

    def train(self, inputs: CellFiles, seeds: Seeds, **how: Any) -> list[Measured]:
        return [self._run(inputs, seed) for seed in seeds]

    def _run(self, inputs: CellFiles, seeds: Mapping[str, int]) -> Measured:
        seed, spread = seeds["strategy"], inputs.options["spread"]
        if (inputs.root / f"broken-{seed}").exists():
            raise RunFailedError(f"seed {seed} is broken", "")
        score = 0.6 + spread * random.Random(f"{inputs.cell.strategy} {seed}").gauss(0, 1)
        none = np.empty(0)
        return Measured(
            losses=none,
            norms=None,
            clipped_norms=None,
            gradient_norm_steps=(),
            gradient_norms=none.reshape(0, 0),
            tensors=(),
            evaluations=[Evaluated(1, None, {"accuracy": score})],
            dev_logits=None,
            train_loss=float("nan"),
            tokens=(),
            passes=(),
            parameter_groups=(),
            weights={},
            seconds={"training": 0.0},
            total_steps=1,
        )
