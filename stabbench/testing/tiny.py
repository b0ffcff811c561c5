"""Small random classifiers of each architecture and random texts with something to learn in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import CONFIG_MAPPING, AutoModelForSequenceClassification, PreTrainedModel

from stabbench.models.architecture import Architecture
from stabbench.models.batch import TokenizedTexts
from stabbench.models.families import architecture_of
from stabbench.plan import STREAMS

VOCABULARY = 60
AFTER_PADDING = ("roberta", "xlm-roberta", "camembert", "mpnet")
"""Types whose positions count from the padding id."""
SEGMENTS: dict[str, dict[str, int]] = {
    "deberta-v2": {"type_vocab_size": 0},
    "distilbert": {},
    "modernbert": {},
    "mpnet": {},
}
"""What the configs of types without segments say of them."""


def hugging_face_model(
    kind: str, labels: int = 2, layers: int = 3, seed: int = 0, hidden_size: int = 32
) -> PreTrainedModel:
    """A small float64 classifier with weights of noticeable size, dropout on by default as configured."""
    make: Any = CONFIG_MAPPING[kind]
    auto: Any = AutoModelForSequenceClassification
    own: dict[str, dict[str, Any]] = {
        "albert": {"embedding_size": 16},
        "deberta-v2": {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False},
        "distilbert": {"hidden_dim": 2 * hidden_size},
        "electra": {"embedding_size": 16},
        "modernbert": {"local_attention": 16},
    }
    config = make(
        vocab_size=VOCABULARY,
        hidden_size=hidden_size,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=2 * hidden_size,
        max_position_embeddings=64,
        **SEGMENTS.get(kind, {"type_vocab_size": 2}),
        num_labels=labels,
        pad_token_id=1 if kind in AFTER_PADDING else 0,
        **own.get(kind, {}),
    )
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model: PreTrainedModel = auto.from_config(config).double().eval()
        for name, parameter in model.named_parameters():
            if "norm" not in name.lower():
                nn.init.normal_(parameter, 0, 0.15)
    return model


def architecture(model: PreTrainedModel) -> Architecture:
    """What the model's config says."""
    return architecture_of(model.config.to_dict(), int(model.config.num_labels or 0))


def pretrained(model: PreTrainedModel) -> dict[str, Tensor]:
    """Everything but the head, as a pretrained encoder has it."""
    prefix = f"{architecture(model).prefix}."
    return {name: tensor.detach().clone() for name, tensor in model.named_parameters() if name.startswith(prefix)}


def texts(count: int, seed: int, *, longest: int = 40, labels: int = 2, pieces: int = VOCABULARY) -> TokenizedTexts:
    """Random texts whose first piece tells the label, so that there is something to learn."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, longest, size=count)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ids = rng.integers(5, pieces, size=offsets[-1])
    segments = rng.integers(0, 2, size=offsets[-1])
    classes = rng.permutation(np.arange(count) % labels)
    ids[offsets[:-1]] = 5 + classes
    return TokenizedTexts(ids, segments, offsets, classes, np.arange(count))


def seeds(*numbers: int) -> list[dict[str, int]]:
    """For each number a run all of whose streams have that seed."""
    return [dict.fromkeys(STREAMS, number) for number in numbers]
