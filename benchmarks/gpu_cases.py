"""What the GPU benchmark trains: public model shapes with random weights on texts with the lengths of real tasks."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from stabbench.models.architecture import Architecture
from stabbench.models.batch import TokenizedTexts
from stabbench.models.families import architecture_of
from stabbench.plan import STREAMS
from stabbench.recipe import Recipe
from stabbench.strategies.mixout import Mixout, MixoutOptions
from stabbench.tasks.objectives.contract import Trivial
from stabbench.training.device_step import DeviceStep
from stabbench.training.inputs import Seeds, TrainingInputs
from stabbench.training.loop import Training
from stabbench.training.operations import training_operations
from stabbench.training.precision import matrix_products

LAYERS_HIDDEN_HEADS_INNER = {
    "bert-large": (24, 1024, 16, 4096),
    "bert-base": (12, 768, 12, 3072),
    "minilm": (6, 384, 12, 1536),
    "bert-tiny": (2, 128, 2, 512),
    "smoke": (2, 32, 4, 64),
}
VOCABULARIES = {"smoke": 500}
"""Word pieces of a model, where not BERT's 30522."""

QUANTILES = (0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1)
LENGTHS = {
    "rte": (13, 21, 29, 33, 40, 45, 50, 56, 62, 72, 103, 128, 128, 128, 128),
    "cola": (4, 5, 6, 7, 8, 9, 10, 10, 11, 12, 14, 17, 20, 25, 47),
    "smoke": (3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 12),
}
"""Word pieces of a training example, cut at 128, at `QUANTILES`."""
PIECES = {"rte": 14068, "cola": 5869, "smoke": 200}
"""Word pieces that the task's training and dev texts use."""
EXAMPLES = {"rte": 2490, "cola": 8551, "smoke": 64}


def architecture(model: str) -> Architecture:
    """BERT of one of the shapes, with two labels."""
    layers, hidden, heads, inner = LAYERS_HIDDEN_HEADS_INNER[model]
    pieces = VOCABULARIES.get(model, 30522)
    config = {
        "model_type": "bert", "num_hidden_layers": layers, "hidden_size": hidden, "num_attention_heads": heads,
        "intermediate_size": inner, "vocab_size": pieces,
    }  # fmt: skip
    return architecture_of(config, 2)


def texts(task: str, count: int, seed: int, pieces: int) -> TokenizedTexts:
    """Random word pieces in texts whose lengths follow the task's quantiles."""
    rng = np.random.default_rng(seed)
    lengths = np.rint(np.interp(rng.random(count), QUANTILES, LENGTHS[task])).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ids, labels = rng.integers(5, pieces, size=offsets[-1]), rng.permutation(np.arange(count) % 2)
    ids[offsets[:-1]] = 5 + labels
    return TokenizedTexts(ids, np.zeros_like(ids), offsets, labels, np.arange(count))


def make_inputs(model: str, task: str, *, strategy: str = "plain", **recipe: Any) -> TrainingInputs:
    """A training of random weights; `strategy` is `plain` or `mixout` (p = 0.7, dropout 0)."""
    shape = architecture(model)
    generator = torch.Generator().manual_seed(0)
    pretrained = {}
    for name, size in shape.shapes().items():
        if not name.startswith("classifier."):
            norm, bias = "LayerNorm" in name, name.endswith(".bias")
            start = torch.zeros(size) if bias else torch.randn(size, generator=generator) * 0.02
            pretrained[name] = torch.ones(size) if norm and not bias else start
    mixout = strategy == "mixout"
    values: dict[str, Any] = {"dropout": 0.0 if mixout else 0.1, "precision": "bf16", "total_steps": 100_000, **recipe}
    return TrainingInputs(
        architecture=shape,
        pretrained=pretrained,
        train=texts(task, EXAMPLES[task], 1, PIECES[task]),
        dev=texts(task, 64, 2, PIECES[task]),
        metrics=("accuracy",),
        trivial=Trivial(0, {"accuracy": 0.5}, {}),
        recipe=Recipe(**values),
        strategies=((Mixout(), MixoutOptions()),) if mixout else (),
    )


def streams(count: int, first: int = 1) -> Seeds:
    """Seeds from `first` on."""
    return [dict.fromkeys(STREAMS, seed) for seed in range(first, first + count)]


@contextmanager
def step_mode(mode: str) -> Iterator[None]:
    """STABBENCH_DEVICE_STEP set for a while."""
    before = os.environ.get("STABBENCH_DEVICE_STEP")
    os.environ["STABBENCH_DEVICE_STEP"] = mode
    try:
        yield
    finally:
        if before is None:
            del os.environ["STABBENCH_DEVICE_STEP"]
        else:
            os.environ["STABBENCH_DEVICE_STEP"] = before


def release(device: torch.device) -> None:
    """Give freed memory back, so that the next case finds it."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


class Clock:
    """Times between marks on the device, without waiting for it in between."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.marks: list[torch.cuda.Event | float] = []

    def mark(self) -> None:
        """Now, in the order of the device's work."""
        if self.device.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            event.record()
            self.marks.append(event)
        else:
            self.marks.append(time.perf_counter())

    def seconds(self) -> list[float]:
        """Seconds between neighbouring marks."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
            pairs = zip(self.marks, self.marks[1:], strict=False)
            return [first.elapsed_time(second) / 1000 for first, second in pairs]  # type: ignore[union-attr, arg-type]
        return [float(second) - float(first) for first, second in zip(self.marks, self.marks[1:], strict=False)]  # type: ignore[arg-type]


@dataclass(frozen=True)
class Timed:
    """Updates of a stack: seconds of those whose shape had been met (and captured) before, and of the others."""

    settled: list[float]
    settling: list[float]


class Stack:
    """Runs side by side that can be advanced some updates at a time."""

    def __init__(self, inputs: TrainingInputs, seeds: Seeds, device: torch.device, mode: str) -> None:
        self.inputs, self.device, self.runs = inputs, device, len(seeds)
        with step_mode(mode):
            self.training = Training(inputs, seeds, device)
            self.state = self.training.start()

    def advance(self, updates: int) -> Timed:
        """So many updates, timed one by one."""
        clock, settled = Clock(self.device), []
        with matrix_products(self.inputs.recipe.precision):
            clock.mark()
            for _ in range(updates):
                before = self._prepared()
                self.training.update(self.state)
                clock.mark()
                settled.append(before == self._prepared())
            seconds = clock.seconds()
            self.training.collect(self.state)
        return Timed(
            [value for value, old in zip(seconds, settled, strict=True) if old],
            [value for value, old in zip(seconds, settled, strict=True) if not old],
        )

    def settle(self, seconds: float) -> None:
        """Advance until five updates in a row prepare nothing new, or the time is over."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            if not self.advance(5).settling:
                return

    def _prepared(self) -> tuple[int, int]:
        step = self.training.step
        graphs = step.graphs if isinstance(step, DeviceStep) else {}
        return len(graphs), sum(graph is not None for graph in graphs.values())

    def operations(self) -> float:
        """Floating-point operations of one update of one run, by the tokens seen so far."""
        tokens = float(np.mean(self.state.tokens))
        lengths = self.inputs.train.lengths.astype(float)
        pairs = tokens * float((lengths**2).sum() / lengths.sum())
        return training_operations(self.inputs.architecture, tokens, pairs, self.inputs.recipe.batch_size)
