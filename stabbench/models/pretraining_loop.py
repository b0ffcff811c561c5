"""The loop that trains a masked language model on the CPU: two shards of each batch on two one-thread workers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stabbench.errors import UserError
from stabbench.models import families
from stabbench.models.batch import TokenizedTexts, make_batch
from stabbench.models.dropout import Dropout
from stabbench.models.masked_language_model import Framed, MaskedBatch, masked_batch, prediction_head, sequence_lengths
from stabbench.models.pretraining_options import PretrainingOptions
from stabbench.models.tokenization import Int64, SpecialTokens
from stabbench.randomness import Draws

SHARDS = 2
POOL_OF_BATCHES = 64


class _Network:
    """A Hugging Face masked language model whose encoder is computed without padding, on a CPU by the kernel."""

    def __init__(self, model: nn.Module, options: PretrainingOptions) -> None:
        config: Any = model.config
        self.architecture = families.architecture_of(config.to_dict(), labels=1)
        self.family = families.of(self.architecture)
        if not self.family.capabilities.pretrains:
            able = ", ".join(name for name, family in families.named().items() if family.capabilities.pretrains)
            raise UserError(f"pretraining: found a '{self.architecture.name}' model, expected {able}")
        self.encoder, self.head = families.encoder_of(self.architecture), prediction_head(model)
        self.named = dict(model.named_parameters())
        self.options, self.draws = options, [Draws(options.seed, "pretraining")]

    def gradients(self, batch: MaskedBatch, masked: int, step: int, shard: int) -> tuple[float, list[Tensor]]:
        """The loss summed over a shard's masked tokens, divided by `masked`, and its gradients as `named` has them."""
        weights = {name: parameter.unsqueeze(0) for name, parameter in self.named.items()}
        parameters = list(self.named.values())
        texts, positions = _without_padding(batch, two_segments=self.architecture.segments > 1)
        texts = dataclasses.replace(texts, places=self.family.places(self.architecture, texts.ids, texts.offsets))
        ragged = make_batch(texts, [np.arange(len(texts))], parameters[0].dtype, torch.device("cpu"))
        dropout = Dropout(self.options.dropout, self.draws, step, shard)
        states = self.encoder.hidden_states(weights, ragged, dropout, first_only=False)
        assert self.head is not None
        logits = self.head(states[0, positions])
        loss = nn.functional.cross_entropy(logits, batch.targets, reduction="sum") / masked
        found = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
        return float(loss.detach()), list(found)


def _without_padding(batch: MaskedBatch, *, two_segments: bool) -> tuple[TokenizedTexts, Tensor]:
    """The batch's texts one after the other, and where its masked tokens stand among them."""
    real = torch.ones_like(batch.ids, dtype=torch.bool) if batch.attention is None else batch.attention.bool()
    segments = batch.segments[real].numpy()
    rows = np.arange(len(real))
    texts = TokenizedTexts(
        ids=batch.ids[real].numpy(),
        segments=segments if two_segments else np.zeros_like(segments),
        offsets=np.concatenate([[0], np.cumsum(real.sum(dim=1).numpy())]),
        labels=np.zeros_like(rows),
        examples=rows,
    )
    return texts, (real.flatten().cumsum(0) - 1)[batch.positions]


def train(
    model: nn.Module,
    sequences: Sequence[Framed],
    special: SpecialTokens,
    options: PretrainingOptions,
    progress: Callable[[int, float], None] | None = None,
) -> list[float]:
    """Train `model` in place; returns the loss of every step (nats per masked token, before that step's update).

    Every batch is cut into two shards, each on one thread, whose gradients are added in a fixed order: the result does
    not depend on how many cores the machine has. The caller's thread count is restored.
    """
    order, masks = (np.random.Generator(np.random.SFC64([options.seed, place])) for place in range(2))
    batches = _batches(sequences, options.batch_size, order)
    network, optimizer = _Network(model, options), _optimizer(model, options)
    parameters = list(network.named.values())
    losses: list[float] = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as second:
            for step in range(options.steps):
                rows = next(batches)
                parts = [rows[shard::SHARDS] for shard in range(SHARDS) if shard < len(rows)]
                shards = [masked_batch(sequences, part, special, options.mask_probability, masks) for part in parts]
                count = sum(len(batch.targets) for batch in shards)
                others = [second.submit(network.gradients, batch, count, step, 1) for batch in shards[1:]]
                loss, gradients = network.gradients(shards[0], count, step, 0)
                for other in others:
                    more, added = other.result()
                    loss += more
                    torch._foreach_add_(gradients, added)
                norm = torch.nn.utils.get_total_norm(gradients)
                torch._foreach_mul_(gradients, float((options.max_grad_norm / norm.clamp(min=1e-12)).clamp(max=1.0)))
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    parameter.grad = gradient
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate(step, options)
                optimizer.step()
                losses.append(loss)
                if progress is not None:
                    progress(step + 1, loss)
    finally:
        torch.set_num_threads(threads)
        for parameter in parameters:
            parameter.grad = None
    return losses


def learning_rate(step: int, options: PretrainingOptions) -> float:
    """The rate of update `step` (from 0): linear up over the warm-up, then linear down to 0 after the last update."""
    if step < options.warmup_steps:
        return options.learning_rate * (step + 1) / options.warmup_steps
    return options.learning_rate * (options.steps - step) / max(1, options.steps - options.warmup_steps)


def _optimizer(model: nn.Module, options: PretrainingOptions) -> torch.optim.AdamW:
    decayed = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    plain = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": options.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=options.learning_rate, betas=(0.9, options.adam_beta2), eps=1e-6, fused=True)


def _batches(sequences: Sequence[Framed], batch_size: int, random: np.random.Generator) -> Iterator[Int64]:
    """Rows of endless batches: shuffled, sorted by length within a pool (little padding), and shuffled again."""
    lengths = sequence_lengths(sequences)
    while True:
        order = random.permutation(len(sequences))
        for start in range(0, len(order), batch_size * POOL_OF_BATCHES):
            pool = order[start : start + batch_size * POOL_OF_BATCHES]
            pool = pool[np.argsort(lengths[pool], kind="stable")]
            cuts = [pool[at : at + batch_size] for at in range(0, len(pool), batch_size)]
            for index in random.permutation(len(cuts)):
                yield cuts[index]
