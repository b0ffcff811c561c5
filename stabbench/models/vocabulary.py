"""Training on the word pieces in use only; the other rows have a closed form and come back on export."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from stabbench.models.batch import Integers, TokenizedTexts


@dataclass(frozen=True)
class VocabularyCut:
    """The rows of the word-embedding table that a task uses, in ascending order.

    A row that no text uses gets no gradient; AdamW leaves its moments at 0 and only decays it, so that after updates
    with rates lr_t it is the pretrained row times ∏(1 − lr_t · decay).
    """

    kept: Integers

    @classmethod
    def of(cls, splits: Sequence[TokenizedTexts], fixed: int = 0) -> VocabularyCut:
        """The cut to the pieces that occur in the given splits; ids below `fixed` keep their numbers."""
        return cls(np.unique(np.concatenate([np.arange(fixed), *(split.ids for split in splits)])))

    def renumber(self, texts: TokenizedTexts) -> TokenizedTexts:
        """The same texts with ids that count the kept rows."""
        return dataclasses.replace(texts, ids=np.searchsorted(self.kept, texts.ids))

    def cut(self, table: Tensor) -> Tensor:
        """The kept rows of a `(V, E)` table, as a copy."""
        return table.index_select(0, torch.from_numpy(self.kept).to(table.device))

    def restore(self, pretrained: Tensor, trained: Tensor, factor: float) -> Tensor:
        """The whole `(V, E)` table: trained rows where kept, else the pretrained row times `factor`."""
        table = pretrained.to(trained.dtype) * factor
        table[torch.from_numpy(self.kept).to(table.device)] = trained
        return table
