"""The encoders that are timed: shapes of published models with drawn weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from stabbench.models.architecture import Architecture
from stabbench.models.families import architecture_of
from stabbench.recipe import OWN_DROPOUT

LABELS = 2
DROPOUT = 0.1
INITIAL_STD = 0.02
BERT = {
    "architectures": ["BertModel"],
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "hidden_dropout_prob": DROPOUT,
    "attention_probs_dropout_prob": DROPOUT,
    "layer_norm_eps": 1e-12,
}
"""What a BERT's config has beside its sizes."""


@dataclass(frozen=True)
class Shape:
    """An encoder\'s sizes; `steps` is how many steps of it make a round, `rounds` how many of these are enough."""

    name: str
    layers: int
    hidden_size: int
    heads: int
    intermediate_size: int
    steps: int
    rounds: int = 5
    vocabulary_size: int = 30522
    positions: int = 512
    model_type: str = "bert"

    @property
    def dropout(self) -> float | str:
        """The recipe's: a number, or `model` for what the config says."""
        return OWN_DROPOUT if self.model_type == "modernbert" else DROPOUT

    @property
    def segments(self) -> bool:
        """Whether the model is given segment ids."""
        return self.model_type == "bert"

    def config(self) -> dict[str, Any]:
        """The config.json of a classifier of this shape; a ModernBERT's dropout is 0, as in the published ones."""
        sizes = {
            "model_type": self.model_type,
            "vocab_size": self.vocabulary_size,
            "hidden_size": self.hidden_size,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "intermediate_size": self.intermediate_size,
            "max_position_embeddings": self.positions,
            "pad_token_id": 0,
        }
        return sizes | (BERT if self.model_type == "bert" else {"architectures": ["ModernBertModel"]})

    def described(self) -> str:
        """Its name and sizes."""
        inside = f"{self.heads} heads, inner {self.intermediate_size}"
        return f"{self.name} {self.layers} layers × {self.hidden_size} ({inside})"

    def architecture(self) -> Architecture:
        """The same as the encoder knows it, with two labels."""
        return architecture_of(self.config(), LABELS)

    def classifier(self) -> Any:
        """The same as transformers has it, with its best attention and drawn weights."""
        from transformers import CONFIG_MAPPING, AutoModelForSequenceClassification

        make, auto = CONFIG_MAPPING[self.model_type], cast(Any, AutoModelForSequenceClassification)
        return auto.from_config(make.from_dict({**self.config(), "num_labels": LABELS}))

    def weights(self) -> dict[str, Tensor]:
        """All but the output layer by name, without run axis: N(0, 0.02²), biases 0, norms the identity."""
        rng = np.random.default_rng(0)
        architecture = self.architecture()
        weights: dict[str, Tensor] = {}
        for name, shape in architecture.shapes().items():
            if name.startswith(architecture.classifier):
                continue
            if name.endswith(".bias"):
                weights[name] = torch.zeros(shape)
            elif architecture.facts()[name].kind == "layer_norm":
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
MODERN = {
    shape.name: shape
    for shape in (
        Shape(
            "modernbert-256", 6, 256, 4, 384, steps=3, vocabulary_size=50368, positions=8192, model_type="modernbert"
        ),
        Shape(
            "modernbert-384", 6, 384, 6, 576, steps=3, vocabulary_size=50368, positions=8192, model_type="modernbert"
        ),
    )
}
"""Small encoders of ModernBERT's proportions: heads of 64 values, a feed-forward layer of 1.5 times the width."""
