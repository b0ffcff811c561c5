"""A training loop of NumPy's alone, as somebody has it, recorded; also a program that other processes run."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

import stabbench
from stabbench.records import Record

STEPS = 12


def logistic_regression(run: Any, seed: int, rate: float, *, until: int = STEPS) -> tuple[np.ndarray, np.ndarray]:
    """Train for some updates; labels and logits of dev."""
    data, draws = np.random.default_rng(0), np.random.default_rng(seed)
    train, dev = data.normal(size=(80, 3)), data.normal(size=(40, 3))
    labels, truth = ((part[:, 0] + 0.3 * part[:, 1] > 0.2).astype(np.int64) for part in (train, dev))
    weights = draws.normal(size=3)
    for step in range(1, until + 1):
        batch = draws.integers(0, 80, 16)
        probability = 1 / (1 + np.exp(-train[batch] @ weights))
        gradient = train[batch].T @ (probability - labels[batch]) / 16
        loss = -np.log(np.where(labels[batch] == 1, probability, 1 - probability)).mean()
        if step % 4 == 1:
            run.gradient_norms({"weights": gradient})
        weights = weights - rate * gradient
        run.log(step, loss=loss, learning_rate=rate, gradient_norm=np.linalg.norm(gradient))
        if step % 4 == 0:
            run.evaluated(accuracy=((dev @ weights > 0) == truth).mean())
    return truth, np.stack([np.zeros(40), dev @ weights], axis=1)


def recorded(folder: Path, seed: int, strategy: str = "sgd", rate: float = 1.0, **more: Any) -> Record:
    """A run in `folder/runs`."""
    settings = {"learning_rate": rate}
    with stabbench.record(strategy, "toy", seed, "linear", settings=settings, folder=folder / "runs", **more) as run:
        labels, logits = logistic_regression(run, seed, rate)
        run.finish(labels, logits=logits, steps_per_epoch=5)
    assert run.record is not None
    return run.record


def main(folder: str, *seeds: str) -> None:
    """Record these seeds; of the seed `-1` the half, until the process is killed."""
    for seed in map(int, seeds):
        if seed >= 0:
            recorded(Path(folder), seed)
            continue
        with stabbench.record("sgd", "toy", 1, "linear", folder=Path(folder) / "runs") as run:
            logistic_regression(run, 1, 1.0, until=STEPS // 2)
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
