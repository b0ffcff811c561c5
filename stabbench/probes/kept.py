"""The weights that a run left, as probes compute with them."""

from __future__ import annotations

import torch
from torch import Tensor

from stabbench.errors import UserError
from stabbench.execution.weights import RunWithWeights
from stabbench.models.architecture import Architecture
from stabbench.models.tensor_files import read_tensors


def kept_weights(run: RunWithWeights, architecture: Architecture, dtype: torch.dtype) -> dict[str, Tensor]:
    """The architecture's tensors by Hugging Face name, without a run axis; UserError where one is gone."""
    tensors = read_tensors(run.kept.folder)
    absent = sorted(set(architecture.shapes()) - set(tensors))
    if absent:
        raise UserError(f"the kept weights in {run.kept.folder} lack {absent[0]}: remove that folder and start again")
    return {name: tensors[name].to(dtype) for name in architecture.shapes()}
