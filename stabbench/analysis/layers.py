"""Gradient norms by layer: tensors gathered by what the plan says of them, else from their Hugging Face names."""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
import pandas as pd

from stabbench.tensor_roles import NO_ROLES, TensorRoles

_NUMBERED = re.compile(r"\.layers?\.(\d+)\.")
_SHARED = re.compile(r"\.albert_layer_groups\.(\d+)\.albert_layers\.(\d+)\.")
EMBEDDINGS, SHARED, POOLER, CLASSIFIER, OTHER = "embeddings", "shared layer", "pooler", "classifier", "other"
_HEAD = {POOLER: 10_000, CLASSIFIER: 10_001, OTHER: 10_002}


def layer_of(parameter: str, tensors: TensorRoles = NO_ROLES) -> str:
    """The layer that a Hugging Face parameter belongs to.

    `embeddings`, `layer 1` (the lowest) … `layer L`, `shared layer` (ALBERT's one), `pooler` (what lies between the
    layers and the classifier), `classifier`, else `other`. What `tensors` does not know is told by its name.
    """
    role = tensors.of(parameter)
    if role is None:
        return _layer_by_name(parameter)
    if role.depth > tensors.layers:
        return CLASSIFIER if role.kind == "classifier" else POOLER
    return f"layer {role.depth}" if role.depth else EMBEDDINGS


@lru_cache(maxsize=10_000)
def _layer_by_name(parameter: str) -> str:
    """As BERT, RoBERTa, ALBERT, ELECTRA and DistilBERT name them."""
    dotted = f".{parameter}"
    if found := _NUMBERED.search(dotted):
        return f"layer {int(found[1]) + 1}"
    if found := _SHARED.search(dotted):
        group, inner = int(found[1]), int(found[2])
        return SHARED if (group, inner) == (0, 0) else f"{SHARED} {group + 1}.{inner + 1}"
    if any(part in dotted for part in (".embeddings.", ".embeddings_project.", ".embedding_hidden_mapping_in.")):
        return EMBEDDINGS
    if any(part in dotted for part in (".pooler.", ".classifier.dense.", ".pre_classifier.")):
        return POOLER
    return CLASSIFIER if ".classifier." in dotted else OTHER


def depth_of(layer: str) -> tuple[int, str]:
    """Sorts layers from the embeddings up to the classifier."""
    if layer == EMBEDDINGS:
        return 0, layer
    if layer in _HEAD:
        return _HEAD[layer], layer
    number = re.search(r"\d+", layer)
    return (int(number[0]) if number else 1), layer


def layer_norms(gradnorms: pd.DataFrame, tensors: TensorRoles = NO_ROLES) -> pd.DataFrame:
    """L2 gradient norm of every layer before clipping (paper, Fig. 4): a row a step, a column a layer, lowest first.

    `gradnorms` has a row for every (step, parameter) with its `norm`; a layer's norm is the root of the sum of its
    tensors' squares. `tensors` are the roles of the model's.
    """
    layers = gradnorms["parameter"].map(lambda name: layer_of(name, tensors))
    squares = gradnorms.assign(layer=layers, square=gradnorms["norm"] ** 2)
    table = squares.pivot_table(index="step", columns="layer", values="square", aggfunc="sum", dropna=False)
    norms = pd.DataFrame(np.sqrt(table.to_numpy(dtype=np.float64)), index=table.index, columns=list(table.columns))
    order: list[str] = sorted((str(name) for name in norms.columns), key=depth_of)
    return norms[order]
