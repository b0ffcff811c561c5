"""The masked-LM objective of BERT: which tokens are masked, the logits at those positions, the held-out loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from stabbench.models.tokenization import Int64, SpecialTokens

Framed = tuple[Int64, Int64]
"""Ids and segment ids of a sequence, both ``[T]``, special tokens included (`SpecialTokens.frame`)."""


@dataclass(frozen=True)
class MaskedBatch:
    """A padded batch with its masked tokens, all int64.

    ``ids``, ``segments`` and ``attention`` are ``[B, T]`` (``attention`` is None where nothing is padded);
    ``positions`` ``[M]`` are the masked places in the flattened ``[B * T]``, ``targets`` ``[M]`` the tokens.
    """

    ids: Tensor
    segments: Tensor
    attention: Tensor | None
    positions: Tensor
    targets: Tensor


def sequence_lengths(sequences: Sequence[Framed]) -> Int64:
    """Tokens of each sequence, shape ``[n]``."""
    return np.array([len(ids) for ids, _ in sequences], dtype=np.int64)


def mask_tokens(
    ids: Int64, special: SpecialTokens, probability: float, random: np.random.Generator
) -> tuple[Int64, npt.NDArray[np.bool_]]:
    """Mask tokens as BERT does (Devlin et al., 2019, section 3.1); arrays of any one shape.

    Each token that is not special is chosen with `probability`; a chosen one becomes the mask token in 80 % of the
    cases, a random other-than-special token in 10 %, and stays in 10 %. Returns the new ids and where they were chosen.
    """
    reserved = np.array([special.cls, special.sep, special.pad, special.mask], dtype=np.int64)
    chosen = (random.random(ids.shape) < probability) & ~np.isin(ids, reserved)
    fate = random.random(ids.shape)
    ordinary = _ordinary_tokens(special)
    replaced = ordinary[random.integers(0, len(ordinary), ids.shape)]
    masked = np.where(chosen & (fate < 0.8), special.mask, ids)
    return np.where(chosen & (fate >= 0.8) & (fate < 0.9), replaced, masked), chosen


def masked_batch(
    sequences: Sequence[Framed],
    rows: Sequence[int] | Int64,
    special: SpecialTokens,
    probability: float,
    random: np.random.Generator,
) -> MaskedBatch:
    """Pad the sequences `rows` to their longest and mask them; a batch in which nothing was drawn is drawn again.

    Raises ValueError where no token of the rows can be masked.
    """
    framed = [sequences[row] for row in rows]
    lengths = sequence_lengths(framed)
    if (lengths <= 2).all():
        raise ValueError("every sequence of the batch is empty: there is nothing to mask")
    ids = np.full((len(rows), lengths.max()), special.pad, dtype=np.int64)
    segments = np.zeros_like(ids)
    for index, (own_ids, own_segments) in enumerate(framed):
        ids[index, : lengths[index]] = own_ids
        segments[index, : lengths[index]] = own_segments
    masked, chosen = mask_tokens(ids, special, probability, random)
    while not chosen.any():
        masked, chosen = mask_tokens(ids, special, probability, random)
    attention = np.arange(ids.shape[1])[None, :] < lengths[:, None]
    return MaskedBatch(
        ids=torch.from_numpy(masked),
        segments=torch.from_numpy(segments),
        attention=None if attention.all() else torch.from_numpy(attention.astype(np.int64)),
        positions=torch.from_numpy(np.flatnonzero(chosen)),
        targets=torch.from_numpy(ids[chosen]),
    )


def masked_logits(model: nn.Module, batch: MaskedBatch) -> Tensor:
    """Logits ``[M, V]`` of a Hugging Face masked language model at the masked positions only."""
    network: Any = model
    inputs = {"input_ids": batch.ids, "attention_mask": batch.attention, "token_type_ids": batch.segments}
    if getattr(network.config, "type_vocab_size", 0) < 2:
        inputs.pop("token_type_ids")
    head = prediction_head(model)
    if head is None:
        logits: Tensor = network(**inputs).logits
        return logits.flatten(0, 1)[batch.positions]
    hidden: Tensor = network.base_model(**inputs).last_hidden_state
    found: Tensor = head(hidden.flatten(0, 1)[batch.positions])
    return found


def prediction_head(model: nn.Module) -> nn.Module | None:
    """The part of a Hugging Face masked language model that turns states into logits; None where none is known."""
    return next((getattr(model, name) for name in ("cls", "lm_head", "predictions") if hasattr(model, name)), None)


def masked_loss(model: nn.Module, batch: MaskedBatch) -> Tensor:
    """Cross-entropy summed over the batch's masked positions, in nats (a scalar; divide by ``len(batch.targets)``)."""
    return nn.functional.cross_entropy(masked_logits(model, batch), batch.targets, reduction="sum")


def heldout_loss(model: nn.Module, batches: Sequence[MaskedBatch]) -> float:
    """Mean cross-entropy over the masked positions of `batches`, in nats, dropout off; its exponential: perplexity."""
    training = model.training
    model.eval()
    with torch.no_grad():
        total = sum(float(masked_loss(model, batch)) for batch in batches)
    model.train(training)
    return total / sum(len(batch.targets) for batch in batches)


@lru_cache(maxsize=8)
def _ordinary_tokens(special: SpecialTokens) -> Int64:
    reserved = {special.cls, special.sep, special.pad, special.mask, special.unknown}
    return np.array([token for token in range(special.vocabulary_size) if token not in reserved], dtype=np.int64)
