"""What RoBERTa and its relatives have in common: a classifier of two layers, and positions after the padding id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from stabbench.models.architecture import Architecture
from stabbench.models.families.contract import PAPER, Integers
from stabbench.models.families.unpadded import FIELDS, UnpaddedFamily


class AfterPaddingFamily(UnpaddedFamily):
    """Computed as BERT; positions count from the padding id, and the classifier has a dense layer of its own."""

    defaults = {**PAPER, "adam_beta2": 0.98, "weight_decay": 0.1, "max_grad_norm": 0}
    fields = {**FIELDS, "pad_token_id": 1}
    pooler = "classifier.dense"
    classifier = "classifier.out_proj"

    def first_position(self, config: Mapping[str, Any]) -> int:
        """The one after the padding id's."""
        return int(self.field(config, "pad_token_id")) + 1

    def places(self, architecture: Architecture, ids: Integers, offsets: Integers) -> Integers | None:
        """No token whose id is the config's padding id is counted; it is put at the padding id's own position.

        That is −1 here, counted from `position_offset`. The tokenizer may pad with another id, or a text may spell
        that token.
        """
        padding = ids == architecture.padding_id
        if not padding.any():
            return None
        counted = np.concatenate([[0], np.cumsum(~padding)])
        places = counted[1:] - np.repeat(counted[offsets[:-1]], np.diff(offsets)) - 1
        return np.where(padding, -1, places)
