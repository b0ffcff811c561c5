"""Gradient norms by layer: tensors gathered by what the plan says of them."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from stabbench.tensor_roles import CLASSIFIER, EMBEDDINGS, HEAD, OTHER, POOLER, TensorRoles

_HEAD = {POOLER: 10_000, CLASSIFIER: 10_001, HEAD: 10_001, OTHER: 10_002}


def depth_of(layer: str) -> tuple[int, str]:
    """Sorts layers from the embeddings up to the classifier."""
    if layer == EMBEDDINGS:
        return 0, layer
    if layer in _HEAD:
        return _HEAD[layer], layer
    number = re.search(r"\d+", layer)
    return (int(number[0]) if number else 1), layer


def layer_norms(gradnorms: pd.DataFrame, tensors: TensorRoles) -> pd.DataFrame:
    """L2 gradient norm of every layer before clipping (paper, Fig. 4): a row a step, a column a layer, lowest first.

    `gradnorms` has a row for every (step, parameter) with its `norm`; a layer's norm is the root of the sum of its
    tensors' squares. `tensors` are the roles of the model's.
    """
    layers = gradnorms["parameter"].map(lambda name: tensors.of(name).layer)
    squares = gradnorms.assign(layer=layers, square=gradnorms["norm"] ** 2)
    table = squares.pivot_table(index="step", columns="layer", values="square", aggfunc="sum", dropna=False)
    norms = pd.DataFrame(np.sqrt(table.to_numpy(dtype=np.float64)), index=table.index, columns=list(table.columns))
    order: list[str] = sorted((str(name) for name in norms.columns), key=depth_of)
    return norms[order]
