"""A training's strategies as one, each told what it may know, the batches of the first epoch among it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import torch
from torch import Tensor

from stabbench.models.batch import Batch
from stabbench.models.dropout import Masks
from stabbench.models.encoder import Weights
from stabbench.randomness import Draws
from stabbench.strategies.composition import Composition
from stabbench.strategies.contract import BoundModel, Context
from stabbench.training.parts import Parts


def composed(parts: Parts) -> Composition:
    """The inputs' strategies with the facts of the training that do not change."""
    pretrained = parts.pretrained()
    draws = [Draws(seed["strategy"], "strategy") for seed in parts.seeds]
    members = []
    for number, (strategy, options) in enumerate(parts.inputs.strategies):
        context = Context(
            options=options,
            architecture=parts.inputs.architecture,
            facts=parts.facts,
            pretrained=pretrained,
            total_steps=parts.schedule.total_steps,
            steps_per_epoch=parts.schedule.steps_per_epoch,
            draws=draws,
            device=parts.device,
            dtype=parts.dtype,
            objective=parts.inputs.objective,
            place=f"{number}:",
            first_epoch=lambda weights: _first_epoch(parts, weights),
        )
        members.append((strategy, context))
    return Composition(tuple(members), parts.inputs.objective)


def _first_epoch(parts: Parts, weights: Weights) -> Iterator[tuple[BoundModel, Batch]]:
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
