"""Which examples of a batch are computed together, so that little is padded and the module is called seldom."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from stabbench.models.architecture import Architecture
from stabbench.models.families.contract import Integers

CALL = 1e9
"""What calling a layer costs beside its products, forward and backward, in multiply-adds × 2."""
FEWEST = 2
"""Texts of a group: a module's tensor for all texts may have one row, which is not to be taken for a text's."""


@dataclass(frozen=True)
class Costs:
    """Operations of a padded token, of a pair of them in one text, and of a call."""

    token: float
    pair: float
    call: float


@lru_cache(maxsize=16)
def costs_of(architecture: Architecture) -> Costs:
    """Those of an update: three times the forward pass."""
    layers = architecture.layers
    shapes = [
        item.shape for item in architecture.tensors if item.facts.linear_weight and 0 < item.facts.depth <= layers
    ]
    weights = sum(rows * columns for rows, columns in shapes)
    return Costs(6.0 * weights, 12.0 * architecture.hidden_size * layers, CALL * layers)


def groups_of(lengths: Integers, costs: Costs) -> list[Integers]:
    """The places of a batch's texts of these lengths, `(B,)`, in groups of at least two that cost least together.

    One group has the places in their order, several have them by length.
    """
    count = len(lengths)
    order = np.argsort(lengths, kind="stable")
    least, begins = np.full(count + 1, np.inf), np.zeros(count + 1, dtype=np.int64)
    least[0] = 0.0
    for end in range(min(FEWEST, count), count + 1):
        longest = int(lengths[order[end - 1]])
        starts = np.arange(max(1, end - FEWEST + 1))
        rows = (end - starts) * longest
        found = least[starts] + costs.call + rows * (costs.token + costs.pair * longest)
        begins[end] = int(np.argmin(found))
        least[end] = found[begins[end]]
    groups, end = [], count
    while end:
        groups.append(order[begins[end] : end])
        end = int(begins[end])
    return groups[::-1] if len(groups) > 1 else [np.arange(count)]
