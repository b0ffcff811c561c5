"""transformers' module as a function of a run's weights: one run at a time, padded, with dropout that is keyed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from stabbench.models.architecture import Architecture
from stabbench.models.batch import Batch
from stabbench.models.dropout import dropped
from stabbench.models.encoder import AnyBatch, AnyDropout, Weights, lookup
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
        logits: Tensor = self._outputs(weights, batch, dropout, embeddings).logits
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
        outputs = self._outputs(weights, batch, dropout, embeddings, output_hidden_states=True)
        states: Tensor = outputs.hidden_states[-1]
        return (states[:, 0] if first_only else states[_real(batch)]).unsqueeze(0)

    def _outputs(
        self, weights: Weights, batch: AnyBatch, dropout: AnyDropout | None, embeddings: Tensor | None, **extra: Any
    ) -> Any:
        architecture = self.architecture
        table = weights[architecture.word_embeddings]
        own_dropout = dropout is not None and dropout.probability is None
        module = network(
            architecture.config, architecture.labels, table.device, table.dtype, own_dropout=own_dropout
        ).train(dropout is not None)
        own = {name: weights[name].squeeze(0) for name in architecture.shapes()}
        with ExitStack() as modes:
            modes.enter_context(RefuseUnkeyedDraws(f"the forward pass of '{architecture.name}'"))
            if self.products is not None:
                modes.enter_context(torch.autocast(table.device.type, self.products))
            if dropout is not None:
                modes.enter_context(KeyedDropout(dropout))
            return functional_call(module, own, (), self._padded(batch, embeddings) | extra)

    def _padded(self, batch: AnyBatch, embeddings: Tensor | None) -> dict[str, Tensor]:
        """The batch as Hugging Face's models take it: `(B, longest)`, with an attention mask."""
        real = _real(batch)
        within = torch.arange(real.shape[1], device=real.device)
        rows = torch.where(real, batch.first.unsqueeze(1) + within, 0)
        inputs = {"attention_mask": real.long()}
        if embeddings is None:
            inputs["input_ids"] = batch.ids[0, rows].masked_fill(~real, self.architecture.padding_id)
        else:
            inputs["inputs_embeds"] = embeddings[0, rows].masked_fill(~real.unsqueeze(-1), 0)
        if self.architecture.segments:
            inputs["token_type_ids"] = batch.segments[0, rows].masked_fill(~real, 0)
        return inputs


def _real(batch: AnyBatch) -> Tensor:
    """Which of the padded places hold a token: `(B, longest)`."""
    assert isinstance(batch, Batch)
    if batch.runs != 1:
        raise ValueError(f"found {batch.runs} runs side by side, expected 1: this model is computed one run at a time")
    lengths = batch.example_lengths[0]
    return torch.arange(int(batch.lengths.max()), device=lengths.device) < lengths.unsqueeze(1)


class KeyedDropout(TorchFunctionMode):
    """Every dropout that a forward pass asks for is done with the run's own masks, the n-th at the place `dropout.n`.

    A probability of the recipe holds at all places, as it does in `Encoder`; without one each has that it asks for.
    """

    def __init__(self, dropout: AnyDropout) -> None:
        super().__init__()
        self.dropout, self.calls = dropout, 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        if func not in (F.dropout, torch.dropout):
            return func(*args, **(kwargs or {}))
        values, probability, training = _asked(*args, **(kwargs or {}))
        dropout = self.dropout.asked(probability if training else 0.0)
        rows = values.reshape(1, -1, values.shape[-1])
        kept = dropout.rows(f"dropout.{self.calls}", [rows.shape[1]], rows)
        self.calls += 1
        return dropped(rows, kept, dropout.scale).view(values.shape)


def _asked(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False, *, train: bool = True
) -> tuple[Tensor, float, bool]:
    """What `F.dropout` or `torch.dropout`, whose arguments these are, was asked for: values, probability, whether."""
    return input, p, training and train
