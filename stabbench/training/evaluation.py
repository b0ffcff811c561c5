"""Scoring a split without dropout and without padding, all runs at once."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from stabbench.models.batch import Integers, TokenizedTexts, make_batch
from stabbench.models.encoder import Weights
from stabbench.models.families.contract import Computation
from stabbench.tasks.objectives.contract import Array, Objective
from stabbench.training.inputs import TrainingInputs
from stabbench.training.state import Evaluation

TOKENS_AT_ONCE = {"cpu": 1024, "cuda": 4096}
"""Of one run, by the kind of device: what its cache holds, or what keeps it busy."""


class Evaluator:
    """A split cut into batches of similar length, made once and used at every evaluation."""

    def __init__(
        self, texts: TokenizedTexts, runs: int, dtype: torch.dtype, device: torch.device, *, segments: bool
    ) -> None:
        chunks = of_similar_length(texts.lengths, TOKENS_AT_ONCE.get(device.type, 1024))
        self.batches = [make_batch(texts, [chosen] * runs, dtype, device, segments=segments) for chosen in chunks]
        self._order = np.argsort(np.concatenate(chunks))

    @torch.no_grad()
    def logits(self, encoder: Computation, weights: Weights) -> Tensor:
        """Logits of every example in the split's order, shape `(S, examples, labels)`, float64 on the CPU."""
        parts = torch.cat([encoder.classify(weights, batch) for batch in self.batches], dim=1)
        return parts.to("cpu", torch.float64)[:, self._order]


def of_similar_length(lengths: Integers, tokens: int) -> list[Integers]:
    """The places of texts with these lengths, shortest first, in batches of about so many tokens."""
    order = np.argsort(lengths, kind="stable")
    totals = np.cumsum(lengths[order])
    return [part for part in np.split(order, np.flatnonzero(np.diff(totals // tokens)) + 1) if len(part)]


def evaluated(step: int, outputs: Tensor, inputs: TrainingInputs) -> Evaluation:
    """Loss and scores of every run on dev after `step` updates: outputs `(S, examples, C)`."""
    objective, labels = inputs.objective, inputs.dev.labels
    finite = torch.isfinite(outputs).all(dim=2).all(dim=1).tolist()
    losses, arrays = mean_losses(outputs, labels, objective), outputs.numpy()
    return Evaluation(
        step=step,
        losses=[loss if whole else None for loss, whole in zip(losses, finite, strict=True)],
        scores=[
            {name: objective.score(metric, labels, arrays[run]) for name, metric in inputs.scorers.items()}
            if whole
            else {}
            for run, whole in enumerate(finite)
        ],
    )


def mean_losses(outputs: Tensor, labels: Array, objective: Objective) -> list[float]:
    """The mean loss of each run: outputs `(S, examples, C)`."""
    found: list[float] = objective.loss(outputs, torch.tensor(labels).expand(outputs.shape[0], -1)).tolist()
    return found
