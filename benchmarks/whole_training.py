"""Whole trainings of one seed a process: set-up, updates, evaluation, result."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from benchmarks.contenders import Control
from benchmarks.ours import Job, stream_seeds, training_inputs
from stabbench.training.loop import train


def run(control: Control, jobs: Sequence[Job], number: int) -> None:
    """Train the first, second … of `jobs` when told 1, 2 and so on."""
    inputs = [training_inputs(job) for job in jobs]
    control.ready(threads=torch.get_num_threads())
    while point := control.begin():
        train(inputs[point - 1], [stream_seeds(number + 1)])
        control.end()
