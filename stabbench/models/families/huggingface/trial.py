"""What only running a model shows: whether it draws random numbers of its own, and takes embeddings for tokens."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from stabbench.errors import UserError
from stabbench.models.architecture import Architecture
from stabbench.models.dropout import Dropout, Padded
from stabbench.models.families.huggingface.encoder import KeyedDropout
from stabbench.models.families.huggingface.initialisation import initial_tensors
from stabbench.models.families.huggingface.network import NO_EMBEDDINGS, build, unsupported
from stabbench.models.families.huggingface.quiet import in_short, quiet_transformers
from stabbench.models.keyed_draws import RefuseUnkeyedDraws, UnkeyedDrawError
from stabbench.randomness import Draws

DRAWS = "it draws random numbers of its own ({}), so that a run would not depend on its seeds alone"
LENGTH = 16
"""Tokens of the texts of a trial."""
MOST_PARAMETERS = 10**9
"""Of a model that is made with numbers for it."""


@lru_cache(maxsize=8)
def check_by_trial(architecture: Architecture, where: str) -> None:
    """UserError, with the model's type, where a forward pass or the head's initialisation cannot be keyed by seeds.

    Passes are tried without numbers (on torch's meta device) and, where one fails so, with random weights.
    """
    lacking = [tensor.name for tensor in architecture.tensors if tensor.origin != "pretrained"]
    initial_tensors(architecture, lacking, Draws(0, ""))
    with torch.device("meta"):
        model = build(architecture.config, architecture.labels, where)
    small = sum(parameter.numel() for parameter in model.parameters()) <= MOST_PARAMETERS
    try:
        _passes(model, architecture, where)
    except UserError as error:
        if not small or isinstance(error.__cause__, UnkeyedDrawError):
            raise
        _passes(build(architecture.config, architecture.labels, where), architecture, where)


def _passes(model: nn.Module, architecture: Architecture, where: str) -> None:
    """Tokens and embeddings, without dropout and with it; UserError where a pass fails."""
    device = next(model.parameters()).device
    tokens = torch.zeros((2, LENGTH), dtype=torch.long, device=device)
    words = torch.zeros((2, LENGTH, architecture.embedding_size), device=device)
    texts = np.arange(2)
    nothing_dropped = KeyedDropout(Dropout(0.0, [], step=0), Padded(np.full(2, LENGTH), texts, LENGTH, {}))
    for training in (False, True):
        model.train(training)
        for inputs in ({"input_ids": tokens}, {"inputs_embeds": words}):
            try:
                with torch.no_grad(), quiet_transformers(), RefuseUnkeyedDraws("it"), _SomeNumber(), nothing_dropped:
                    model(**inputs, attention_mask=torch.ones_like(tokens))
            except UnkeyedDrawError as error:
                raise unsupported(architecture.name, DRAWS.format(error.source), where) from error
            except Exception as error:  # whatever a module of another library's making runs into
                reason = NO_EMBEDDINGS if "inputs_embeds" in inputs else f"a trial of it fails: {in_short(error)}"
                raise unsupported(architecture.name, reason, where) from error


class _SomeNumber(TorchDispatchMode):
    """A tensor of the meta device that is asked for its number, as a mask is whether all of it is set, has a 1."""

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default and args[0].is_meta:
            return torch.ones((), dtype=args[0].dtype).item()
        return func(*args, **(kwargs or {}))
