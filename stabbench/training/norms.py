"""Gradient norms of every tensor and run, and clipping by the global norm of each run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from stabbench.models.kernel.optimizer import square_sums

CLIP_EPS = 1e-6


def gradient_norms(gradients: Mapping[str, Tensor]) -> Tensor:
    """L2 norms, shape `(tensors, S)`, in the order of the mapping."""
    tensors = list(gradients.values())
    if tensors[0].shape[0] == 1:
        sums = square_sums(tensors)
        if sums is not None:
            return norms_of(sums)
        return torch.stack(torch._foreach_norm(tensors)).unsqueeze(1)
    return torch.stack([torch.linalg.vector_norm(tensor.flatten(1), dim=1) for tensor in tensors])


def norms_of(sums: Sequence[float]) -> Tensor:
    """L2 norms, shape `(tensors, 1)`, from sums of squares."""
    return torch.from_numpy(np.array(sums)).sqrt_().unsqueeze(1)


def clip_factors(total: Tensor, limit: float | None) -> Tensor:
    """Factors `(S,)` that bring global norms `total` to `limit` at most, as `torch.nn.utils.clip_grad_norm_` does."""
    if limit is None:
        return torch.ones_like(total)
    return (limit / (total + CLIP_EPS)).clamp(max=1.0)


def scale_gradients(gradients: Mapping[str, Tensor], factors: Tensor) -> None:
    """Multiply each run's gradients in place by its factor `(S,)`."""
    runs = factors.shape[0]
    if runs == 1:
        if float(factors) != 1.0:
            torch._foreach_mul_(list(gradients.values()), float(factors))
    else:
        for tensor in gradients.values():
            tensor.mul_(factors.to(tensor.dtype).view(runs, *[1] * (tensor.dim() - 1)))
