"""One run as it was measured: what a trainer hands over, and what alone the outcome is judged by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class Evaluated:
    """The dev set after `step` updates; no loss and no scores where a logit was not finite."""

    step: int
    loss: float | None
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Measured:
    """U updates of one run, N of which had the gradient of every one of T tensors measured.

    `losses`, `norms` (of the whole gradient) and `clipped_norms` are `(U,)`, `gradient_norms` `(N, T)` in the order of
    `tensors`, after `gradient_norm_steps` updates each. `passes` counts the forward passes of each update, `tokens`
    those of all its passes. `dev_logits` `(examples, outputs)` and `train_loss` belong to `weights`, which are those
    scored at the end, by Hugging Face name. `parameter_groups` are as in record.json; `seconds` by what they were spent
    on.
    """

    losses: np.ndarray
    norms: np.ndarray
    clipped_norms: np.ndarray
    gradient_norm_steps: Sequence[int]
    gradient_norms: np.ndarray
    tensors: Sequence[str]
    evaluations: Sequence[Evaluated]
    dev_logits: np.ndarray
    train_loss: float
    tokens: Sequence[int]
    passes: Sequence[int]
    parameter_groups: Sequence[Mapping[str, Any]]
    weights: Mapping[str, Tensor]
    seconds: Mapping[str, float]
