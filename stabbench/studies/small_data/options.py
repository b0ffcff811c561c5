"""Which training sets are compared with samples of them, and under which conditions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from stabbench.config.values import Block, Name, Seeds

FULL, SAME_EPOCHS, SAME_UPDATES, OURS = "full", "same-epochs", "same-updates", "ours"
"""The conditions: all examples; a sample for as many epochs; a sample for as many updates; another strategy on all."""


class Pair(Block):
    """Two tasks of params.yaml: a training set and a sample of it, with the same dev set."""

    full: Name
    sample: Name


class SmallDataOptions(Block):
    """The tasks to compare, and how all of them are trained."""

    model: Name
    pairs: Annotated[Sequence[Pair], Field(min_length=1)]
    strategy: Name = "devlin"
    ours: Name | None = None
    """A strategy to train on the full set beside it (paper, Table 4: the paper's own)."""
    seeds: Seeds = ()
    """Those of params.yaml where none are named."""

    def names(self, pair: Pair) -> dict[str, str]:
        """What a pair's cells are called in the place of their strategy, by condition."""
        names = {
            FULL: self.strategy,
            SAME_EPOCHS: self.strategy,
            SAME_UPDATES: f"{self.strategy}-as-long-as-{pair.full}",
        }
        return names if self.ours is None else {**names, OURS: self.ours}
