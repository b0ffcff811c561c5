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
_BERT: dict[str, Any] = {
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "hidden_dropout_prob": DROPOUT,
    "attention_probs_dropout_prob": DROPOUT,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
}
_OWN: dict[str, dict[str, Any]] = {
    "bert": _BERT | {"architectures": ["BertModel"]},
    "modernbert": {"architectures": ["ModernBertModel"], "pad_token_id": 0},
    "xlm-roberta": _BERT | {"type_vocab_size": 1, "pad_token_id": 1},
    "electra": _BERT | {"embedding_size": 128},
    "distilbert": {"dropout": DROPOUT, "attention_dropout": DROPOUT, "seq_classif_dropout": DROPOUT, "pad_token_id": 0},
    "mpnet": {**_BERT, "pad_token_id": 1, "relative_attention_num_buckets": 32},
    "deberta-v2": {
        **_BERT,
        "type_vocab_size": 0,
        "relative_attention": True,
        "pos_att_type": ["p2c", "c2p"],
        "position_biased_input": False,
        "position_buckets": 256,
        "share_att_key": True,
        "norm_rel_ebd": "layer_norm",
    },
}
"""What configs have beside the sizes, by model type."""
_NAMES = {"hidden_size": "dim", "num_hidden_layers": "n_layers", "num_attention_heads": "n_heads"}
_DISTILBERT = {**_NAMES, "intermediate_size": "hidden_dim"}


@dataclass(frozen=True)
class Shape:
    """An encoder's sizes; `steps` on short texts make a round, `long_steps` on long ones; `rounds` are enough."""

    name: str
    layers: int
    hidden_size: int
    heads: int
    intermediate_size: int
    steps: int
    long_steps: int = 1
    rounds: int = 5
    large: bool = False
    """Whether its rivals take turns beside ours, as all at once need more than 24 GiB, and warm up by one step."""
    vocabulary_size: int = 30522
    positions: int = 512
    model_type: str = "bert"

    @property
    def warm_up(self) -> int:
        """How many steps go before the first round."""
        return 1 if self.large else 2

    @property
    def dropout(self) -> float | str:
        """The recipe's: a number, or `model` for what the config says."""
        return OWN_DROPOUT if self.model_type == "modernbert" else DROPOUT

    @property
    def segments(self) -> bool:
        """Whether the model is given segment ids."""
        return _OWN[self.model_type].get("type_vocab_size", 0) > 1 and self.model_type != "mpnet"

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
        }
        names = _DISTILBERT if self.model_type == "distilbert" else {}
        return {names.get(name, name): value for name, value in (sizes | _OWN[self.model_type]).items()}

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
            if architecture.is_new(name):
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
        Shape("bert-tiny", 2, 128, 2, 512, steps=24, long_steps=8),
        Shape("bert-mini", 4, 256, 4, 1024, steps=6, long_steps=2),
        Shape("minilm", 6, 384, 12, 1536, steps=3),
        Shape("bert-base", 12, 768, 12, 3072, steps=1, rounds=3, large=True),
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
FAMILIES = {
    shape.name: shape
    for shape in (
        Shape("xlm-roberta", 4, 256, 4, 1024, steps=6, long_steps=2, positions=514, model_type="xlm-roberta"),
        Shape("electra", 6, 384, 6, 1536, steps=3, model_type="electra"),
        Shape("distilbert", 6, 384, 12, 1536, steps=3, model_type="distilbert"),
        Shape("mpnet", 6, 384, 12, 1536, steps=3, positions=514, model_type="mpnet"),
        Shape("deberta", 6, 384, 6, 1536, steps=3, model_type="deberta-v2"),
    )
}
"""Other families, each with a vocabulary of BERT's size; timed where their cells are asked for by name."""
