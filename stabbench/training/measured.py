"""One run as it was measured: what a trainer hands over, and what alone the outcome is judged by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Evaluated:
    """The dev set after `step` updates; no loss and no scores where a logit was not finite.

    Whoever knows no loss, but scores, has None for it too.
    """

    step: int
    loss: float | None
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Measured:
    """U updates of one run, N of which had the gradient of every one of T tensors measured.

    `losses`, `norms` (of the whole gradient) and `clipped_norms` are `(U,)`, `gradient_norms` `(N, T)` in the order of
    `tensors`, after `gradient_norm_steps` updates each. `passes` counts the forward passes of each update, `tokens`
    those of all its passes. `dev_logits` `(examples, outputs)` and `train_loss` belong to `weights`, which are those
    scored at the end, or after `reported` updates, by Hugging Face name. `parameter_groups` are as in record.json;
    `seconds` by what they were spent on.

    Our own trainer measures all of it. Of others' code some may not be known: norms and `dev_logits` are None then,
    `train_loss` is NaN, the sequences are empty; and what follows `seconds` says what a recipe would.
    """

    losses: np.ndarray
    norms: np.ndarray | None
    clipped_norms: np.ndarray | None
    gradient_norm_steps: Sequence[int]
    gradient_norms: np.ndarray
    tensors: Sequence[str]
    evaluations: Sequence[Evaluated]
    dev_logits: np.ndarray | None
    train_loss: float
    tokens: Sequence[int]
    passes: Sequence[int]
    parameter_groups: Sequence[Mapping[str, Any]]
    weights: Mapping[str, Tensor]
    seconds: Mapping[str, float]
    reported: int | None = None
    """After how many updates the evaluation was that is the run's result, where it was chosen; None for the last."""
    ended: int | None = None
    """After how many updates it ended early, as its scores told; None at its end."""
    steps: np.ndarray | None = None
    """`(U,)`: after which updates `losses` and norms were measured; None for every one."""
    learning_rates: np.ndarray | None = None
    """`(U,)`: those of the updates; None where the recipe's schedule decides them, or nobody knows."""
    total_steps: int | None = None
    """Updates of the whole training, where no recipe decides them."""
    steps_per_epoch: int | None = None
    """Likewise."""
    warmup_steps: int | None = None
    """Likewise."""
    predictions: np.ndarray | None = None
    """`(examples,)`: what is predicted of dev, where there are no logits to take it from."""
    diverged: bool = False
    """Whether who trained says so, whatever the numbers are."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of packages by name, where it was trained by other ones than ours."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """What is kept beside the record as it stands, by the file's name: what a command said."""
