"""Each model's own hyperparameters (paper, Table 3); a strategy's recipe goes over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stabbench.recipe import OWN_DROPOUT

BERT: Mapping[str, Any] = {
    "learning_rate": 2e-5,
    "batch_size": 16,
    "warmup_ratio": 0.1,
    "adam_beta1": 0.9,
    "adam_beta2": 0.999,
    "adam_epsilon": 1e-6,
    "weight_decay": 0.01,
    "max_grad_norm": 1.0,
    "dropout": 0.1,
}

MODEL_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "bert": BERT,
    "roberta": {**BERT, "adam_beta2": 0.98, "weight_decay": 0.1, "max_grad_norm": 0},
    "albert": {**BERT, "weight_decay": 0.0, "dropout": 0.0},
}
"""By Hugging Face `model_type`; `max_grad_norm` 0 means no clipping."""


OTHERS: Mapping[str, Any] = {**BERT, "dropout": OWN_DROPOUT}


def model_defaults(architecture: str) -> Mapping[str, Any]:
    """Table 3's values for an architecture; BERT's for any other, with each place's dropout as its config says."""
    return MODEL_DEFAULTS.get(architecture, OTHERS)
