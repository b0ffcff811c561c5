"""A tiny model of every family that is promised to work, as a folder of its pretrained form."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch
from transformers import CONFIG_MAPPING, AutoModel, AutoModelForMaskedLM

VOCABULARY, LABELS = 60, 3
_SIZES = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 48, "max_position_embeddings": 64,
}  # fmt: skip
_ROBERTA = {"type_vocab_size": 1, "pad_token_id": 1}
_DEBERTA = {"type_vocab_size": 0, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.2, "pooler_dropout": 0}
_RELATIVE = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False}

FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("bert", {}),
    "roberta": ("roberta", _ROBERTA),
    "albert": ("albert", {"embedding_size": 16}),
    "xlm-roberta": ("xlm-roberta", _ROBERTA),
    "camembert": ("camembert", _ROBERTA),
    "electra": ("electra", {"embedding_size": 16, "hidden_dropout_prob": 0.3, "attention_probs_dropout_prob": 0.2}),
    "distilbert": ("distilbert", {"hidden_dim": 48, "dropout": 0.1, "attention_dropout": 0.3}),
    "deberta-v2": ("deberta-v2", _DEBERTA | _RELATIVE | {"conv_kernel_size": 3, "conv_act": "gelu"}),
    "deberta-v3": (
        "deberta-v2",
        _DEBERTA | _RELATIVE | {"position_buckets": 16, "share_att_key": True, "norm_rel_ebd": "layer_norm"},
    ),
    "modernbert": (
        "modernbert",
        {"pad_token_id": 0, "cls_token_id": 1, "sep_token_id": 2, "local_attention": 16, "attention_dropout": 0.1,
         "embedding_dropout": 0.2, "mlp_dropout": 0.3, "classifier_dropout": 0.4},
    ),
    "mpnet": ("mpnet", {"pad_token_id": 1, "initializer_range": 0.05}),
}  # fmt: skip
"""Model type and the fields of its config beside the sizes."""
NATIVE = tuple(family for family in FAMILIES if family != "deberta-v2")
"""Those that we compute ourselves: all but a DeBERTa with a convolution."""
OWN_DROPOUT = [family for family in FAMILIES if family not in ("bert", "roberta", "albert")]
"""Those whose places may each have the dropout of the model's config."""
FORMS = {"base": AutoModel, "masked": AutoModelForMaskedLM}


@cache
def config(family: str, **fields: Any) -> Any:
    """The config of a family's tiny model, with other `fields`."""
    kind, own = FAMILIES[family]
    sizes = dict(_SIZES)
    if kind == "distilbert":
        sizes |= {"dim": 32, "n_layers": 2, "n_heads": 4}
        for name in ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"):
            del sizes[name]
    make: Any = CONFIG_MAPPING[kind]
    return make(**sizes | own | {"num_labels": LABELS} | fields)


def write(family: str, form: str, folder: Path, **fields: Any) -> Path:
    """A pretrained model of the family, without its head (`base`) or with that of masked language modelling."""
    auto: Any = FORMS[form]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        model = auto.from_config(config(family, **fields))
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
        model.save_pretrained(folder)
    return folder
