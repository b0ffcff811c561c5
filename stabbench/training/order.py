"""Which examples each run sees at which update."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stabbench.models.batch import Integers
from stabbench.randomness import Draws


class Order:
    """Every run's own order of `examples` in every epoch, cut into batches; the last one may be smaller."""

    def __init__(self, draws: Sequence[Draws], examples: int, batch_size: int) -> None:
        self.draws, self.examples, self.batch_size = draws, examples, batch_size
        self.steps_per_epoch = -(-examples // batch_size)
        self._drawn: tuple[int, Integers] | None = None

    def of_epoch(self, epoch: int) -> Integers:
        """Positions in the training set, shape `(S, examples)`."""
        if self._drawn is None or self._drawn[0] != epoch:
            orders = [draws.permutation("examples", self.examples, epoch) for draws in self.draws]
            self._drawn = epoch, np.stack(orders)
        return self._drawn[1]

    def chosen(self, update: int) -> Integers:
        """The batches of update 0, 1, …: shape `(S, B)`."""
        epoch, within = divmod(update, self.steps_per_epoch)
        return self.of_epoch(epoch)[:, within * self.batch_size : (within + 1) * self.batch_size]
