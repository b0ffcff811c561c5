"""The batches of every run's first epoch before training, for strategies that measure something on them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import torch
from torch import Tensor

from stabbench.models.batch import Batch
from stabbench.models.encoder import Weights
from stabbench.strategies.contract import BoundModel
from stabbench.training.masks import Masks
from stabbench.training.parts import Parts


def first_epoch(parts: Parts, weights: Weights) -> Iterator[tuple[BoundModel, Batch]]:
    """Each batch with the model bound to `weights`; see `stabbench.strategies.contract.Context.first_epoch`."""
    masks = [Masks(parts.recipe.one_dropout, [draws], parts.device) for draws in parts.dropout]
    for number in range(parts.schedule.steps_per_epoch):
        yield _RunByRun(parts, masks, weights, parts.schedule.total_steps + number), parts.batch(number)


class _RunByRun:
    """A model whose runs are computed one after the other; its dropout is that of a `step` that no update reaches."""

    def __init__(self, parts: Parts, masks: list[Masks], weights: Weights, step: int) -> None:
        self.encoder, self.masks, self.weights, self.step = parts.encoder, masks, weights, step

    def __call__(
        self, batch: Batch, embeddings: Tensor | None = None, call: int = 0, weights: Weights | None = None
    ) -> Tensor:
        bound = self.weights if weights is None else weights
        parts = {name: tensor.chunk(batch.runs) for name, tensor in bound.items()}
        logits = []
        for run in range(batch.runs):
            single = {name: tensors[run] for name, tensors in parts.items()}
            own = None if embeddings is None else embeddings[run : run + 1, : batch.tokens[run]]
            logits.append(self.encoder.classify(single, _alone(batch, run), self.masks[run].at(self.step, call), own))
        return torch.cat(logits)

    def embed(self, batch: Batch, weights: Weights | None = None) -> Tensor:
        return self.encoder.embed(self.weights if weights is None else weights, batch)


def _alone(batch: Batch, run: int) -> Batch:
    """One run's part of a batch, as it would be made for that run."""
    here, tokens = slice(run, run + 1), batch.tokens[run]
    begin = run * batch.ids.shape[1]
    return dataclasses.replace(
        batch,
        ids=batch.ids[here, :tokens],
        segments=batch.segments[here, :tokens],
        positions=batch.positions[here, :tokens],
        labels=batch.labels[here],
        first=batch.first[run * batch.size : (run + 1) * batch.size] - begin,
        tokens=(tokens,),
        lengths=batch.lengths[here],
    )
