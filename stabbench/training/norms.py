"""Gradient norms of every tensor and run, and clipping by the global norm of each run."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

CLIP_EPS = 1e-6


def gradient_norms(gradients: Mapping[str, Tensor]) -> Tensor:
    """L2 norms, shape `(tensors, S)`, in the order of the mapping."""
    tensors = list(gradients.values())
    if tensors[0].shape[0] == 1:
        return torch.stack(torch._foreach_norm(tensors)).unsqueeze(1)
    return torch.stack([torch.linalg.vector_norm(tensor.flatten(1), dim=1) for tensor in tensors])


def clip(gradients: dict[str, Tensor], total: Tensor, limit: float | None) -> Tensor:
    """Scale each run's gradients in place to a global norm of at most `limit`; the norms afterwards, shape `(S,)`.

    `total` holds the global norms `(S,)`. As in `torch.nn.utils.clip_grad_norm_`, the factor is limit / (total + 1e-6).
    """
    if limit is None:
        return total
    factors = (limit / (total + CLIP_EPS)).clamp(max=1.0)
    runs = factors.shape[0]
    if runs == 1:
        factor = float(factors)
        if factor != 1.0:
            torch._foreach_mul_(list(gradients.values()), factor)
    else:
        for tensor in gradients.values():
            tensor.mul_(factors.view(runs, *[1] * (tensor.dim() - 1)))
    return total * factors
