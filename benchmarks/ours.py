"""stabbench's own training loop, one seed a process, as its workers run it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from benchmarks.contenders import Control
from benchmarks.shapes import DROPOUT, Shape
from benchmarks.texts import BATCH_SIZE, MAX_LENGTH, ORDER_SEED, TaskTexts
from stabbench.models.kernel.library import library_for
from stabbench.recipe import Recipe
from stabbench.strategies.devlin import Devlin
from stabbench.tasks.objectives.contract import Trivial
from stabbench.training.inputs import TrainingInputs
from stabbench.training.loop import Training

RECIPE = Recipe(batch_size=BATCH_SIZE, dropout=DROPOUT, max_length=MAX_LENGTH).override(Devlin.recipe)


@dataclass(frozen=True)
class Job:
    """What all contenders of a cell train."""

    shape: Shape
    texts: TaskTexts
    recipe: Recipe = RECIPE


def training_inputs(job: Job) -> TrainingInputs:
    """The job as the training loop takes it, with the dropout of its shape; a model without segments is given none."""
    return TrainingInputs(
        architecture=job.shape.architecture(),
        pretrained=job.shape.weights(),
        train=job.texts.train,
        dev=job.texts.dev,
        metrics=("accuracy",),
        trivial=Trivial(0, {"accuracy": 0.5}, {}),
        recipe=job.recipe.override({"dropout": job.shape.dropout, "legacy_segments": not job.shape.segments}),
        strategies=(),
    )


def stream_seeds(number: int) -> dict[str, int]:
    """Seeds of one run: its own but for the order of the batches, which all contenders share."""
    return {"head": number, "order": ORDER_SEED, "dropout": number, "strategy": number}


def run_bf16(control: Control, job: Job, number: int) -> None:
    """The same with matrix products in bf16."""
    run(control, replace(job, recipe=job.recipe.override({"precision": "bf16"})), number)


def run(control: Control, job: Job, number: int) -> None:
    """Steps of the training loop for seed `number`."""
    training = Training(training_inputs(job), [stream_seeds(number + 1)], torch.device("cpu"))
    state = training.start()
    control.ready(threads=torch.get_num_threads(), arithmetic=arithmetic())
    while steps := control.begin():
        for _ in range(steps):
            training.update(state)
        control.end()


def arithmetic() -> str:
    """What computes one run on this CPU."""
    return "torch" if library_for(torch.empty(0)) is None else "compiled kernel"
