"""The loop that trains a masked language model on the CPU: two shards of each batch on two one-thread workers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stabbench.models.masked_language_model import Int64, MaskedBatch, Sequences, masked_batch, masked_loss
from stabbench.models.tokenization import SpecialTokens

SHARDS = 2
POOL_OF_BATCHES = 64


@dataclass(frozen=True)
class LoopOptions:
    """What the loop needs to know; see ``PretrainingOptions`` for the meaning and the units."""

    steps: int
    batch_size: int
    learning_rate: float
    warmup_steps: int
    mask_probability: float
    weight_decay: float
    adam_beta2: float
    max_grad_norm: float
    dropout: float
    seed: int


class _ShardDropout(nn.Module):
    """Dropout on hidden states from a generator of its own, so that the two shards can run side by side.

    Sixteen random bits an element, from a fast counter-free generator: a twentieth of the cost of torch's. ``p`` is 0
    because attention modules read it to drop attention probabilities, which is off in pretraining.
    """

    p = 0.0

    def __init__(self, rate: float, random: np.random.Generator) -> None:
        super().__init__()
        self.threshold = round(rate * 65536)
        self.random = random

    def forward(self, hidden: Tensor) -> Tensor:
        if self.threshold == 0 or not torch.is_grad_enabled():
            return hidden
        count = hidden.numel()
        bits = self.random.bit_generator.random_raw(-(-count // 4)).view(np.uint16)[:count]
        keep = torch.from_numpy((bits >= self.threshold).astype(np.float32)).view_as(hidden)
        return hidden * keep.mul_(65536 / (65536 - self.threshold))


class _Shard:
    """A model whose gradients lie in one flat buffer; the second shard shares the first one's weights."""

    def __init__(self, model: nn.Module, random: np.random.Generator, dropout: float) -> None:
        self.model = model.eval()
        modules = [module for module in model.modules() if not isinstance(module, _ShardDropout)]
        for module in modules:
            for name, child in list(module.named_children()):
                if isinstance(child, nn.Dropout):
                    setattr(module, name, _ShardDropout(dropout, random))
        self.parameters = list(model.parameters())
        count = sum(parameter.numel() for parameter in self.parameters)
        self.gradient = torch.zeros(count, dtype=self.parameters[0].dtype)
        at = 0
        for parameter in self.parameters:
            parameter.grad = self.gradient[at : at + parameter.numel()].view_as(parameter)
            at += parameter.numel()

    def backward(self, batch: MaskedBatch, masked: int) -> float:
        """Set the gradient of the loss summed over this shard's masked tokens, divided by `masked`."""
        self.gradient.zero_()
        loss = masked_loss(self.model, batch) / masked
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())


def train(
    model: nn.Module,
    sequences: Sequences,
    special: SpecialTokens,
    options: LoopOptions,
    progress: Callable[[int, float], None] | None = None,
) -> list[float]:
    """Train `model` in place; returns the loss of every step (nats per masked token, before that step's update).

    Every batch is cut into two shards, each on one thread, whose gradients are added in a fixed order: the result does
    not depend on how many cores the machine has. The caller's thread count is restored.
    """
    streams = [np.random.Generator(np.random.SFC64([options.seed, place])) for place in range(2 + SHARDS)]
    batches = _batches(sequences, options.batch_size, streams[0])
    shards = [_Shard(model, streams[2], options.dropout)]
    twin = copy.deepcopy(model)
    for shared, own in zip(model.parameters(), twin.parameters(), strict=True):
        own.data = shared.data
    _reseed(twin, streams[3])
    shards.append(_Shard(twin, streams[3], options.dropout))
    optimizer = _optimizer(model, options)
    losses: list[float] = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as second:
            for step in range(options.steps):
                rows = next(batches)
                parts = [rows[shard::SHARDS] for shard in range(SHARDS) if shard < len(rows)]
                rate = options.mask_probability
                masked = [masked_batch(sequences, part, special, rate, streams[1]) for part in parts]
                count = sum(len(batch.targets) for batch in masked)
                others = [second.submit(shards[1].backward, batch, count) for batch in masked[1:]]
                loss = shards[0].backward(masked[0], count) + sum(other.result() for other in others)
                gradient = shards[0].gradient
                if others:
                    gradient.add_(shards[1].gradient)
                gradient.mul_((options.max_grad_norm / gradient.norm().clamp_(min=1e-12)).clamp_(max=1.0))
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate(step, options)
                optimizer.step()
                losses.append(loss)
                if progress is not None:
                    progress(step + 1, loss)
    finally:
        torch.set_num_threads(threads)
    return losses


def learning_rate(step: int, options: LoopOptions) -> float:
    """The rate of update `step` (from 0): linear up over the warm-up, then linear down to 0 after the last update."""
    if step < options.warmup_steps:
        return options.learning_rate * (step + 1) / options.warmup_steps
    return options.learning_rate * (options.steps - step) / max(1, options.steps - options.warmup_steps)


def _optimizer(model: nn.Module, options: LoopOptions) -> torch.optim.AdamW:
    decayed = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    plain = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": options.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=options.learning_rate, betas=(0.9, options.adam_beta2), eps=1e-6, fused=True)


def _reseed(model: nn.Module, random: np.random.Generator) -> None:
    for module in model.modules():
        if isinstance(module, _ShardDropout):
            module.random = random


def _batches(sequences: Sequences, batch_size: int, random: np.random.Generator) -> Iterator[Int64]:
    """Rows of endless batches: shuffled, sorted by length within a pool (little padding), and shuffled again."""
    lengths = sequences.lengths
    while True:
        order = random.permutation(len(sequences))
        for start in range(0, len(order), batch_size * POOL_OF_BATCHES):
            pool = order[start : start + batch_size * POOL_OF_BATCHES]
            pool = pool[np.argsort(lengths[pool], kind="stable")]
            cuts = [pool[at : at + batch_size] for at in range(0, len(pool), batch_size)]
            for index in random.permutation(len(cuts)):
                yield cuts[index]
