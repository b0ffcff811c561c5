"""Hugging Face's own model on one run's first batch, example by example: what a strategy's loss is checked against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stabbench.models.weights import initial_weights
from stabbench.randomness import Draws
from stabbench.strategies.contract import Context, Strategy
from stabbench.training import outcome
from stabbench.training.inputs import TrainingInputs
from stabbench.training.loop import Training, train
from stabbench.training.outcome import RunResult
from stabbench.training.state import TrainingState
from tests import tiny


class FirstBatch:
    """The initial weights of a run in an unpadded model without dropout, and the batch of its first update."""

    def __init__(self, kind: str, inputs: TrainingInputs, seed: int) -> None:
        self.model = tiny.hugging_face_model(kind)
        start = initial_weights(inputs.pretrained, inputs.architecture, seed, torch.float64)
        self.model.load_state_dict(start, strict=False)
        data = inputs.train
        chosen = Draws(seed, "order").permutation("examples", len(data), 0)[: inputs.recipe.batch_size]
        spans = [slice(data.offsets[example], data.offsets[example + 1]) for example in chosen]
        self.ids = [torch.from_numpy(data.ids[span]) for span in spans]
        self.segments = [torch.from_numpy(data.segments[span]) for span in spans]
        self.labels = torch.from_numpy(data.labels[chosen])
        self.lengths = [len(ids) for ids in self.ids]
        self.seed = seed

    @property
    def width(self) -> int:
        """Size of a word embedding."""
        return int(next(iter(self.model.get_input_embeddings().parameters())).shape[1])

    def noise(self, draw: str, place: str) -> list[Tensor]:
        """The run's own draws for its tokens, as one table cut into examples."""
        values = getattr(Draws(self.seed, "strategy"), draw)(f"0:{place}", (sum(self.lengths), self.width), 0)
        return list(torch.split(torch.from_numpy(values), self.lengths))

    def logits(self, noise: Sequence[Tensor] | None = None) -> Tensor:
        """`(B, C)`, with `noise` added to the word embeddings."""
        rows = []
        for number, (ids, segments) in enumerate(zip(self.ids, self.segments, strict=True)):
            embeddings = self.model.get_input_embeddings()(ids)
            if noise is not None:
                embeddings = embeddings + noise[number]
            rows.append(self.model(inputs_embeds=embeddings[None], token_type_ids=segments[None]).logits[0])
        return torch.stack(rows)

    def norms(self, loss: Tensor) -> dict[str, float]:
        """L2 norm of the gradient of every parameter."""
        names, parameters = zip(*self.model.named_parameters(), strict=True)
        found = torch.autograd.grad(loss, parameters, materialize_grads=True)
        return {name: float(gradient.norm()) for name, gradient in zip(names, found, strict=True)}


def check_loss(kind: str, strategy: Strategy, options: Any, expected: Callable[[FirstBatch], Tensor]) -> None:
    """Loss and gradients of the first update are those of `expected`, for runs of unequal lengths side by side."""
    inputs = tiny.inputs(kind, strategies=((strategy, options),), dropout=0.0, examples=14, epochs=1.0, batch_size=7)
    numbers = (1, 2, 3)
    for seed, result in zip(numbers, train(inputs, tiny.seeds(*numbers)), strict=True):
        batch = FirstBatch(kind, inputs, seed)
        loss = expected(batch)
        np.testing.assert_allclose(result.tables["history.parquet"]["train_loss"][0], loss.item(), rtol=0, atol=1e-12)
        table = result.tables["gradnorms.parquet"].query("step == 0")
        found = dict(zip(table["parameter"], table["norm"], strict=True))
        wanted = batch.norms(loss)
        assert found.keys() == wanted.keys()
        for name, norm in wanted.items():
            assert abs(found[name] - norm) < 1e-10, name


def context(kind: str, strategy: Strategy, options: Any, **recipe: Any) -> Context:
    """The context of a training with this strategy alone."""
    inputs = tiny.inputs(kind, strategies=((strategy, options),), **recipe)
    ((_, ctx),) = Training(inputs, tiny.seeds(1), torch.device("cpu")).strategies.members
    return ctx


def trained(inputs: TrainingInputs, seed: int = 1) -> tuple[RunResult, list[dict[str, Tensor]], list[TrainingState]]:
    """A run with its weights before the first and after every update, and copies of its state after each."""
    training = Training(inputs, tiny.seeds(seed), torch.device("cpu"))
    state = training.start()
    weights = [_copies(state.weights)]
    states = []
    while state.step < training.parts.schedule.total_steps:
        training.update(state)
        weights.append(_copies(state.weights))
        moments = {name: _copies(own) for name, own in state.moments.items()}
        states.append(TrainingState(weights[-1], moments, _copies(state.strategy), state.step, list(state.losses)))
    (measured,) = training.finish(state)
    return outcome.result(inputs.basis, measured), weights, states


def _copies(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}
