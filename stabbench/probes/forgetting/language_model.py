"""A pretrained masked language model whose encoder can be exchanged layer by layer, its head left as it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stabbench.errors import UserError
from stabbench.models.architecture import Architecture
from stabbench.models.families.huggingface.pretrained_files import masked_language_model
from stabbench.models.masked_language_model import MaskedBatch, masked_batch, masked_loss, sequence_lengths
from stabbench.models.pretraining import frame_texts
from stabbench.models.pretraining_options import PretrainingOptions
from stabbench.models.tokenization import special_tokens
from stabbench.randomness import Draws

BATCH_SIZE = 32


class NoHeadError(Exception):
    """The model's folder holds no masked-LM head; the message goes on after the model's name."""


class LanguageModel:
    """The masked language model in `folder`, for one thread a batch on `workers` threads, or on a GPU.

    Its decoder keeps the pretrained word embeddings whatever becomes of the encoder's. Raises NoHeadError where the
    folder has no head, or no such model type.
    """

    def __init__(
        self, folder: Path, architecture: Architecture, dtype: torch.dtype, device: str = "cpu", workers: int = 1
    ) -> None:
        try:
            model, missing = masked_language_model(folder)
        except UserError as error:
            raise NoHeadError("has no masked-LM form") from error
        network: Any = model
        if [name for name in missing if not name.startswith(f"{network.base_model_prefix}.")]:
            raise NoHeadError("has no pretrained masked-LM head")
        decoder = network.get_output_embeddings()
        decoder.weight = nn.Parameter(decoder.weight.detach().clone())
        self.model = model.to(device=device, dtype=dtype).eval()
        self.layers = architecture.layers
        self.depths = {name: fact.depth for name, fact in architecture.facts().items()}
        self.encoder = {name: tensor for name, tensor in self.model.named_parameters() if name in self.depths}
        self.pretrained = {name: tensor.detach().clone() for name, tensor in self.encoder.items()}
        self._held = dict(self.pretrained)
        self.device, self.workers = device, workers if device == "cpu" else 1

    @torch.no_grad()
    def put_back(self, weights: Mapping[str, Tensor], top: int, *, embeddings: bool = False) -> None:
        """Take the encoder's tensors from `weights`, but the `top` highest layers as pretrained.

        With `embeddings` those too are as pretrained. `weights` are by Hugging Face name; a pooler and a classifier in
        them are not used; what a tensor holds already is not copied again, so they must not change between calls.
        """
        for name, tensor in self.encoder.items():
            depth = self.depths[name]
            back = embeddings if depth == 0 else depth > self.layers - top
            wanted = self.pretrained[name] if back else weights[name]
            if self._held[name] is not wanted:
                tensor.copy_(wanted)
                self._held[name] = wanted

    def loss(self, batches: Sequence[MaskedBatch]) -> float:
        """Mean cross-entropy over the masked positions of `batches`, in nats, dropout off."""

        def summed(batch: MaskedBatch) -> float:
            with torch.no_grad():
                return float(masked_loss(self.model, _moved(batch, self.device)))

        with ThreadPoolExecutor(self.workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            total = sum(pool.map(summed, batches))
        return total / sum(len(batch.targets) for batch in batches)


def _moved(batch: MaskedBatch, device: str) -> MaskedBatch:
    tensors = {name: value.to(device) for name, value in vars(batch).items() if value is not None}
    return dataclasses.replace(batch, **tensors)


def masked_batches(
    folder: Path, lines: Sequence[str], *, max_tokens: int, max_length: int, probability: float, seed: int
) -> list[MaskedBatch]:
    """The first `max_tokens` tokens of a text as masked batches of similar length; the masks depend on `seed` alone."""
    everything, _, _ = frame_texts(folder, lines, PretrainingOptions(max_length=max_length))
    count = max(1, int(np.searchsorted(np.cumsum(sequence_lengths(everything)), max_tokens, side="right")))
    used = everything[:count]
    special, draws = special_tokens(folder), Draws(seed, "masks")
    order = np.argsort(sequence_lengths(used), kind="stable")
    parts = [order[at : at + BATCH_SIZE] for at in range(0, len(order), BATCH_SIZE)]
    return [
        masked_batch(used, part, special, probability, draws.generator("heldout", step))
        for step, part in enumerate(parts)
    ]


def token_count(batches: Sequence[MaskedBatch]) -> int:
    """Tokens of all sequences, special ones included, padding left out."""
    return sum(int(batch.ids.numel() if batch.attention is None else batch.attention.sum()) for batch in batches)
