"""transformers' module as a function of a run's weights: one run at a time, padded, with dropout that is keyed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from stabbench.models.architecture import Architecture
from stabbench.models.batch import Batch, Integers
from stabbench.models.dropout import Padded
from stabbench.models.encoder import AnyBatch, AnyDropout, Weights, lookup
from stabbench.models.families.huggingface.grouping import costs_of, groups_of
from stabbench.models.families.huggingface.network import network
from stabbench.models.keyed_draws import RefuseUnkeyedDraws


@dataclass(frozen=True)
class ModuleEncoder:
    """The computation of an architecture; the run axis of all weights and batches must be 1.

    With `products` linear layers and attention's products are computed in that type, by autocast.
    """

    architecture: Architecture
    products: torch.dtype | None = None

    def embed(self, weights: Weights, batch: AnyBatch) -> Tensor:
        """Word embeddings of the tokens, shape `(1, T, E)`."""
        return lookup(weights[self.architecture.word_embeddings], batch.ids)

    def classify(
        self, weights: Weights, batch: AnyBatch, dropout: AnyDropout | None = None, embeddings: Tensor | None = None
    ) -> Tensor:
        """Logits of the classifier, shape `(1, B, labels)`."""
        parts = list(self._outputs(weights, batch, dropout, embeddings))
        logits = torch.cat([outputs.logits for _, outputs in parts])[_places([texts for texts, _ in parts])]
        return logits.to(weights[self.architecture.word_embeddings].dtype).unsqueeze(0)

    def hidden_states(
        self,
        weights: Weights,
        batch: AnyBatch,
        dropout: AnyDropout | None = None,
        embeddings: Tensor | None = None,
        *,
        first_only: bool,
    ) -> Tensor:
        """The last layer's output: `(1, B, H)` for the first tokens, else `(1, T, H)` for all of them."""
        parts = list(self._outputs(weights, batch, dropout, embeddings, output_hidden_states=True))
        states = [outputs.hidden_states[-1] for _, outputs in parts]
        if first_only:
            return torch.cat([part[:, 0] for part in states])[_places([texts for texts, _ in parts])].unsqueeze(0)
        real = [_real(batch, texts) for texts, _ in parts]
        rows = [_rows(batch, texts)[there] for (texts, _), there in zip(parts, real, strict=True)]
        found = torch.cat([part[:, : there.shape[1]][there] for part, there in zip(states, real, strict=True)])
        return found[torch.cat(rows).argsort()].unsqueeze(0)

    def _outputs(
        self, weights: Weights, batch: AnyBatch, dropout: AnyDropout | None, embeddings: Tensor | None, **extra: Any
    ) -> Iterator[tuple[Integers, Any]]:
        """Groups of the batch's texts, by their places, and what the module makes of each."""
        architecture = self.architecture
        table = weights[architecture.word_embeddings]
        own_dropout = dropout is not None and dropout.probability is None
        module = network(
            architecture.config, architecture.labels, table.device, table.dtype, own_dropout=own_dropout
        ).train(dropout is not None)
        own = {name: weights[name].squeeze(0) for name in architecture.shapes()}
        lengths = _lengths(batch)
        drawn: dict[str, Any] = {}
        together = table.device.type != "cpu"
        for texts in [np.arange(len(lengths))] if together else groups_of(lengths, costs_of(architecture)):
            with ExitStack() as modes:
                modes.enter_context(RefuseUnkeyedDraws(f"the forward pass of '{architecture.name}'"))
                if self.products is not None:
                    modes.enter_context(torch.autocast(table.device.type, self.products))
                if dropout is not None:
                    padded = Padded(lengths, texts, int(lengths[texts].max()), drawn)
                    modes.enter_context(KeyedDropout(dropout, padded))
                yield texts, functional_call(module, own, (), self._padded(batch, texts, embeddings) | extra)

    def _padded(self, batch: AnyBatch, texts: Integers, embeddings: Tensor | None) -> dict[str, Tensor]:
        """The texts at some places as Hugging Face's models take them: `(B, longest)`, with an attention mask."""
        real = _real(batch, texts)
        rows = torch.where(real, _rows(batch, texts), 0)
        inputs = {"attention_mask": real.long()}
        if embeddings is None:
            inputs["input_ids"] = batch.ids[0, rows].masked_fill(~real, self.architecture.padding_id)
        else:
            inputs["inputs_embeds"] = embeddings[0, rows].masked_fill(~real.unsqueeze(-1), 0)
        if self.architecture.segments:
            inputs["token_type_ids"] = batch.segments[0, rows].masked_fill(~real, 0)
        return inputs


def _lengths(batch: AnyBatch) -> Integers:
    """Those of the texts of the one run, `(B,)`."""
    assert isinstance(batch, Batch)
    if batch.runs != 1:
        raise ValueError(f"found {batch.runs} runs side by side, expected 1: this model is computed one run at a time")
    lengths: Integers = batch.lengths[0]
    return lengths


def _real(batch: AnyBatch, texts: Integers) -> Tensor:
    """Which of the padded places of some texts hold a token: `(B, longest)`."""
    lengths = torch.from_numpy(_lengths(batch)[texts]).to(batch.ids.device)
    return torch.arange(int(lengths.max()), device=lengths.device) < lengths.unsqueeze(1)


def _rows(batch: AnyBatch, texts: Integers) -> Tensor:
    """The batch's row of each of their padded places, `(B, longest)`; of a place that holds no token, any."""
    first = batch.first[torch.from_numpy(texts).to(batch.first.device)]
    return first.unsqueeze(1) + torch.arange(int(_lengths(batch)[texts].max()), device=first.device)


def _places(groups: Sequence[Integers]) -> Tensor:
    """Where each text of the batch is among those of all groups."""
    return torch.from_numpy(np.argsort(np.concatenate(groups)))


class KeyedDropout(TorchFunctionMode):
    """Every dropout that a forward pass asks for is done with the run's own masks, the n-th at the place `dropout.n`.

    A probability of the recipe holds at all places, as it does in `Encoder`; without one each has that it asks for.
    `padded` says which texts the pass is over.
    """

    def __init__(self, dropout: AnyDropout, padded: Padded) -> None:
        super().__init__()
        self.dropout, self.padded, self.calls = dropout, padded, 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        if func not in (F.dropout, torch.dropout):
            return func(*args, **(kwargs or {}))
        values, probability, training = _asked(*args, **(kwargs or {}))
        dropout = self.dropout.asked(probability if training else 0.0)
        factors = dropout.factors(f"dropout.{self.calls}", values, self.padded)
        self.calls += 1
        return values if factors is None else (values * factors).to(values.dtype)


def _asked(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False, *, train: bool = True
) -> tuple[Tensor, float, bool]:
    """What `F.dropout` or `torch.dropout`, whose arguments these are, was asked for: values, probability, whether."""
    return input, p, training and train
