"""Losses of class probabilities, which are the softmax of a model's outputs."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def cross_entropies(logits: Tensor, labels: Tensor) -> Tensor:
    """Of each example, in nats: logits `(S, B, C)`, labels `(S, B)`, result `(S, B)`."""
    runs, size, classes = logits.shape
    return F.cross_entropy(logits.reshape(runs * size, classes), labels.reshape(-1), reduction="none").view(runs, size)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of each run: logits `(S, B, C)`, labels `(S, B)`, result `(S,)`."""
    return cross_entropies(logits, labels).mean(dim=1)


def symmetric_divergence(logits: Tensor, others: Tensor) -> Tensor:
    """KL(p‖q) + KL(q‖p) = Σ (p − q)·(log p − log q) of every example: `(S, B, C)` twice to `(S, B)`."""
    first, second = F.log_softmax(logits, dim=-1), F.log_softmax(others, dim=-1)
    return ((first.exp() - second.exp()) * (first - second)).sum(dim=-1)
