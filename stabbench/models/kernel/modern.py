"""ModernBERT as the compiled kernel takes it: tensors in order, places of dropout, windows and rotations."""

from __future__ import annotations

import ctypes
from ctypes import Structure, c_int64, c_void_p
from functools import lru_cache

import torch

from stabbench.models.architecture import Architecture
from stabbench.models.kernel.library import pointers
from stabbench.models.modernbert_config import details_of
from stabbench.models.rotation import rotations

PARTS = ("attention_norm", "query_key_value", "attention_output", "feed_forward_norm", "intermediate", "output")
PLACES = ("attention.probabilities", "attention.output", "intermediate")
KINDS = 4
"""Of places of dropout, each with a probability of its own."""
HEAD = ("head.", "classifier.")
"""What the names of the tensors begin with that lie outside the encoder."""


def is_modern(architecture: Architecture) -> bool:
    """Whether it is computed as a ModernBERT."""
    return "query_key_value" in dict(architecture.parts)


def order_of(architecture: Architecture) -> list[str]:
    """The tensors' names in the order of modern.c's table; of a bias or norm that a model lacks there is none."""
    layers = [architecture.layer(index) for index in range(architecture.layers)]
    modules = [f"{architecture.prefix}.embeddings.norm", *(layer[part] for layer in layers for part in PARTS)]
    modules += [f"{architecture.prefix}.final_norm", architecture.pooler, "head.norm", architecture.classifier]
    return [architecture.word_embeddings, *(f"{module}.{leaf}" for module in modules for leaf in ("weight", "bias"))]


def places_of(architecture: Architecture) -> list[str]:
    """The places of dropout in the order in which modern.c knows them."""
    return [
        "embeddings",
        "classifier",
        *(f"layer.{index}.{place}" for index in range(architecture.layers) for place in PLACES),
    ]


class Modern(Structure):
    """`struct Modern` of modern.h, with all that it points to."""

    _fields_ = [("head_activation", c_int64), ("mean", c_int64), ("windows", c_void_p), ("rotations", c_void_p)]

    def __init__(self, architecture: Architecture, head_activation: int, dtype: torch.dtype) -> None:
        details, size = details_of(architecture), architecture.hidden_size // architecture.heads
        like = torch.empty(0, dtype=dtype)
        self.tables = [rotations(theta, size, architecture.positions, like) for theta in details.thetas]
        windows = [-1 if window is None else window for window in details.windows]
        self.own_windows = (c_int64 * len(windows))(*windows)
        self.own_rotations = pointers(part for table in self.tables for part in table)
        super().__init__(
            head_activation,
            details.pooling == "mean",
            ctypes.addressof(self.own_windows),
            ctypes.addressof(self.own_rotations),
        )


modern_of = lru_cache(maxsize=16)(Modern)
"""That of an architecture, made once."""
