"""The batches of every run's first epoch before training, for strategies that measure something on them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from stabbench.models.batch import Batch, make_batch
from stabbench.models.device_draws import DeviceDraws
from stabbench.models.dropout import DeviceDropout, Dropout
from stabbench.models.encoder import Weights
from stabbench.strategies.contract import BoundModel

if TYPE_CHECKING:
    from stabbench.training.loop import Training


def first_epoch(training: Training, weights: Weights) -> Iterator[tuple[BoundModel, Batch]]:
    """Each batch with the model bound to `weights`; see `stabbench.strategies.contract.Context.first_epoch`."""
    for number in range(training.schedule.steps_per_epoch):
        chosen = list(training.order.chosen(number))
        segments = not training.recipe.legacy_segments
        batch = make_batch(training.train_texts, chosen, training.dtype, training.device, segments=segments)
        yield _RunByRun(training, weights, training.schedule.total_steps + number), batch


class _RunByRun:
    """A model whose runs are computed one after the other; its dropout is that of a `step` that no update reaches."""

    def __init__(self, training: Training, weights: Weights, step: int) -> None:
        self.training, self.weights, self.step = training, weights, step

    def __call__(
        self, batch: Batch, embeddings: Tensor | None = None, call: int = 0, weights: Weights | None = None
    ) -> Tensor:
        bound = self.weights if weights is None else weights
        parts = {name: tensor.chunk(batch.runs) for name, tensor in bound.items()}
        logits = []
        for run in range(batch.runs):
            single = {name: tensors[run] for name, tensors in parts.items()}
            own = None if embeddings is None else embeddings[run : run + 1, : batch.tokens[run]]
            dropout = self._dropout(run, call)
            logits.append(self.training.encoder.classify(single, _alone(batch, run), dropout, own))
        return torch.cat(logits)

    def embed(self, batch: Batch, weights: Weights | None = None) -> Tensor:
        return self.training.encoder.embed(self.weights if weights is None else weights, batch)

    def _dropout(self, run: int, call: int) -> Dropout | DeviceDropout:
        probability, device = self.training.recipe.one_dropout, self.training.device
        draws = [self.training.dropout[run]]
        if device.type == "cpu":
            return Dropout(probability, draws, self.step, call)
        step = torch.full((), self.step, dtype=torch.int64, device=device)
        return DeviceDropout(probability, DeviceDraws(draws, device), step, call)


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
        examples=batch.examples[here],
    )
