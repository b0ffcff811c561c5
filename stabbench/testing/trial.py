"""The trainings of one strategy on tiny models that the conformance checks look at."""

from __future__ import annotations

import dataclasses
import itertools
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from stabbench.models import families
from stabbench.models.weights import initial_weights
from stabbench.recipe import Recipe
from stabbench.strategies.contract import Strategy
from stabbench.strategies.hooks import hook_of
from stabbench.tasks.objectives.contract import Trivial
from stabbench.testing import tiny
from stabbench.testing.suite import ContractError, expect
from stabbench.training.inputs import TrainingInputs
from stabbench.training.loop import train
from stabbench.training.outcome import RunResult
from stabbench.training.precision import compute_type
from stabbench.training.state import TrainingState

ARCHITECTURES = ("bert", "roberta", "albert")
RECIPE: Mapping[str, Any] = {
    "learning_rate": 1e-4,
    "epochs": 2.0,
    "batch_size": 4,
    "evaluations_per_epoch": 1.0,
    "gradient_norm_every": 1,
    "precision": "fp64",
}
"""Goes over the strategy's own recipe: 4 updates an epoch, the last batch of which is smaller."""

KILLED_AFTER = (3, 7)
"""In the middle of each epoch of four updates."""
Members = Sequence[tuple[type[Strategy], Any]]


class KilledError(Exception):
    """Stands for the end of the process."""


def killed_and_resumed(train: Callable[..., list[RunResult]]) -> RunResult:
    """The run of `train(checkpoint=…, stop=…)`, killed in the middle of each epoch and gone on with each time."""
    with TemporaryDirectory() as folder:
        for step in KILLED_AFTER:

            def kill(state: Any, step: int = step) -> None:
                if state.step == step:
                    raise KilledError

            try:
                train(checkpoint=Path(folder), stop=kill)
            except KilledError:
                continue
            raise ContractError(f"`stop` has raised after update {step}, and the training went on")
        return train(checkpoint=Path(folder))[0]


class Trial:
    """A strategy, or several composed, with their options; every training is done by fresh objects.

    The global generators of torch, NumPy and Python stand elsewhere at the start of each training.
    """

    def __init__(self, members: Members) -> None:
        self.members = tuple(members)
        self._number = itertools.count(1)
        self._trained: dict[str, RunResult] = {}

    def unsupported(self, kind: str) -> object:
        """What the first member that does not support a tiny model of this kind says, or None."""
        shape = tiny.architecture(model(kind))
        asked = (hook_of(cls(), "unsupported")(shape, options) for cls, options in self.members)
        return next((reason for reason in asked if reason is not None), None)

    @cached_property
    def kind(self) -> str:
        """The architecture of most checks: the first supported one, or the first of all."""
        return next((kind for kind in ARCHITECTURES if self.unsupported(kind) is None), ARCHITECTURES[0])

    def inputs(self, kind: str | None = None, **recipe: Any) -> TrainingInputs:
        """A training on 14 texts that ends after 8 updates; `recipe` goes over `RECIPE`."""
        kind = kind or self.kind
        values = Recipe().override(families.find(kind).defaults)
        for cls, _ in self.members:
            values = values.override(cls.recipe)
        return TrainingInputs(
            architecture=tiny.architecture(model(kind)),
            pretrained=tiny.pretrained(model(kind)),
            train=tiny.texts(14, seed=1, longest=16),
            dev=tiny.texts(8, seed=2, longest=16),
            metrics=("mcc", "accuracy"),
            trivial=Trivial(0, {"mcc": 0.0, "accuracy": 0.5}, {}),
            recipe=dataclasses.replace(values.override({**RECIPE, **recipe}), total_steps=None),
            strategies=tuple((cls(), options) for cls, options in self.members),
        )

    def train(
        self,
        *seeds: int,
        kind: str | None = None,
        stop: Callable[[TrainingState], None] | None = None,
        checkpoint: Path | None = None,
        **recipe: Any,
    ) -> list[RunResult]:
        """One run for each seed, side by side; with `checkpoint`, saved after every update and continued from there."""
        inputs = self.inputs(kind, **recipe)
        with elsewhere(next(self._number)):
            return train(inputs, tiny.seeds(*seeds), stop=stop, checkpoint=checkpoint, checkpoint_seconds=0.0)

    def trained_on(self, kind: str) -> RunResult:
        """The run of seed 2 by itself, in fp64."""
        if kind not in self._trained:
            (self._trained[kind],) = self.train(2, kind=kind)
        return self._trained[kind]

    @property
    def alone(self) -> RunResult:
        """That on the architecture of most checks."""
        return self.trained_on(self.kind)

    def with_and_without(self, **recipe: Any) -> tuple[RunResult, RunResult, dict[str, Tensor]]:
        """The run of seed 2, the same by the recipe alone, and the weights that the second began with."""
        inputs, (seed,) = self.inputs(**recipe), tiny.seeds(2)
        alone = dataclasses.replace(inputs, strategies=())
        with elsewhere(next(self._number)):
            (acting,), (plain,) = train(inputs, [seed]), train(alone, [seed])
        dtype = compute_type(inputs.recipe.precision)
        return acting, plain, initial_weights(inputs.pretrained, inputs.architecture, seed["head"], dtype)


@contextmanager
def elsewhere(number: int) -> Iterator[None]:
    """With the global generators of torch, NumPy and Python at another place for each `number`."""
    before = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(number)
        random.seed(number)
        np.random.seed(number)
        try:
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])


@cache
def model(kind: str) -> PreTrainedModel:
    """A tiny classifier of five layers."""
    return tiny.hugging_face_model(kind, layers=5, hidden_size=16)


def first_difference(first: RunResult, second: RunResult, tolerance: float = 0.0) -> str | None:
    """What differs first between two runs of a seed: losses, gradient norms, dev logits, final weights; None if equal.

    A number may differ by `tolerance` times its size, or by `tolerance` where it is below 1.
    """
    for column in ("train_loss", "gradient_norm"):
        ours, theirs = (result.tables["history.parquet"][column].to_numpy() for result in (first, second))
        differing = _differing(ours, theirs, tolerance)
        if differing.any():
            update = int(np.argmax(differing))
            return f"the {column} of update {update + 1} is {ours[update]:.17g} and {theirs[update]:.17g}"
    ours, theirs = (np.stack(r.tables["predictions.parquet"]["logits"].to_list()) for r in (first, second))
    if _differing(ours, theirs, tolerance).any():
        return f"the final logits on dev differ by up to {np.abs(ours - theirs).max():.1e}"
    for name in first.weights.keys() | second.weights.keys():
        if name not in first.weights or name not in second.weights:
            return f"only one of them has a final tensor {name}"
        ours, theirs = first.weights[name].numpy(), second.weights[name].numpy()
        if _differing(ours, theirs, tolerance).any():
            return f"the final tensor {name} differs by up to {np.abs(ours - theirs).max():.1e}"
    return None


def expect_equal(first: RunResult, second: RunResult, what: str, tolerance: float = 0.0) -> None:
    """ContractError with what differs first between two runs of a seed."""
    found = first_difference(first, second, tolerance)
    expect(found is None, f"{what}: {found}")


def distance(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> float:
    """The L2 norm of the difference over all tensors that both have."""
    squares = [float((first[name] - second[name]).double().square().sum()) for name in first.keys() & second.keys()]
    return math.sqrt(math.fsum(squares))


def _differing(ours: np.ndarray, theirs: np.ndarray, tolerance: float) -> np.ndarray:
    if ours.shape != theirs.shape:
        return np.array([True])
    return np.asarray(~(np.abs(ours - theirs) <= tolerance * np.maximum(1, np.abs(ours))))
