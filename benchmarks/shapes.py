"""The encoders that are timed: shapes of published models with drawn weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stabbench.models.architecture import Architecture
from stabbench.models.families import architecture_of

LABELS = 2
DROPOUT = 0.1
INITIAL_STD = 0.02


@dataclass(frozen=True)
class Shape:
    """A BERT encoder's sizes; `steps` is how many steps of it make a round, `rounds` how many of these are enough."""

    name: str
    layers: int
    hidden_size: int
    heads: int
    intermediate_size: int
    steps: int
    rounds: int = 5
    vocabulary_size: int = 30522
    positions: int = 512

    def config(self) -> dict[str, Any]:
        """The config.json of a classifier of this shape."""
        return {
            "model_type": "bert",
            "architectures": ["BertModel"],
            "vocab_size": self.vocabulary_size,
            "hidden_size": self.hidden_size,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "intermediate_size": self.intermediate_size,
            "max_position_embeddings": self.positions,
            "type_vocab_size": 2,
            "hidden_act": "gelu",
            "hidden_dropout_prob": DROPOUT,
            "attention_probs_dropout_prob": DROPOUT,
            "layer_norm_eps": 1e-12,
            "pad_token_id": 0,
        }

    def described(self) -> str:
        """Its name and sizes."""
        inside = f"{self.heads} heads, inner {self.intermediate_size}"
        return f"{self.name} {self.layers} layers × {self.hidden_size} ({inside})"

    def architecture(self) -> Architecture:
        """The same as the encoder knows it, with two labels."""
        return architecture_of(self.config(), LABELS)

    def weights(self) -> dict[str, Tensor]:
        """Encoder and pooler by Hugging Face name, without run axis: N(0, 0.02²), biases 0, LayerNorm 1 and 0."""
        rng = np.random.default_rng(0)
        architecture = self.architecture()
        weights: dict[str, Tensor] = {}
        for name, shape in architecture.shapes().items():
            if name.startswith(architecture.classifier):
                continue
            if name.endswith(".bias"):
                weights[name] = torch.zeros(shape)
            elif "LayerNorm" in name:
                weights[name] = torch.ones(shape)
            else:
                weights[name] = torch.from_numpy(rng.standard_normal(shape, dtype=np.float32) * np.float32(INITIAL_STD))
        return weights


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("bert-tiny", 2, 128, 2, 512, steps=24),
        Shape("bert-mini", 4, 256, 4, 1024, steps=6),
        Shape("minilm", 6, 384, 12, 1536, steps=3),
        Shape("bert-base", 12, 768, 12, 3072, steps=1, rounds=3),
    )
}
