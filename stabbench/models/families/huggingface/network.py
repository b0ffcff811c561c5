"""Hugging Face's classifier for a config, as a module without weights of its own."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from stabbench.errors import UserError, unknown

NO_EMBEDDINGS = "it cannot be given embeddings in the place of tokens, which strategies may perturb"
NEEDED_INPUTS = {
    "attention_mask": "it takes no attention mask, so that padding would change its results",
    "inputs_embeds": NO_EMBEDDINGS,
}
PRESENT = 0.1
"""Any probability above 0: the modules that drop something are made, what they drop is decided elsewhere."""


def check_model_type(config: Mapping[str, Any], where: str) -> None:
    """UserError, with the model's type, for all but encoders that transformers can make a classifier of."""
    from transformers import CONFIG_MAPPING
    from transformers.models.auto import modeling_auto as auto

    name = str(config.get("model_type"))
    if name not in CONFIG_MAPPING:
        classifiers = set(auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES)
        raise unknown("model type", name, sorted(classifiers & set(auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES)))
    reason = None
    if getattr(CONFIG_MAPPING[name], "is_encoder_decoder", False) is True or config.get("is_encoder_decoder"):
        reason = "it has a decoder beside its encoder"
    elif name not in auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES or config.get("is_decoder"):
        reason = "it is a decoder, or no model of text"
    elif name not in auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES:
        reason = "transformers has no classifier of it"
    if reason is not None:
        raise unsupported(name, reason, where)


def unsupported(name: str, reason: str, where: str) -> UserError:
    """The error for a model type that cannot be trained."""
    return UserError(
        f"{where}: '{name}' models cannot be fine-tuned here: {reason}; expected an encoder such as BERT, RoBERTa, "
        "ALBERT, ELECTRA or DistilBERT"
    )


def build(config: str, labels: int, where: str = "config.json", *, own_dropout: bool = False) -> nn.Module:
    """The classifier that the JSON text `config` describes, with `labels` outputs and unfused attention.

    Its weights are anything. Its dropout modules are all there, or with `own_dropout` as the config says. Raises
    UserError where transformers cannot make it.
    """
    from transformers import CONFIG_MAPPING, AutoModelForSequenceClassification

    classifiers: Any = AutoModelForSequenceClassification
    given = {key: value for key, value in json.loads(config).items() if key not in ("id2label", "label2id")}
    try:
        filled: Any = CONFIG_MAPPING[given["model_type"]].from_dict(given | {"num_labels": labels})
        filled.num_labels = labels
        for key in () if own_dropout else dropout_fields(given):
            setattr(filled, key, PRESENT)
        with torch.random.fork_rng(devices=[]):
            model: nn.Module = classifiers.from_config(
                filled, attn_implementation="eager", dtype=torch.float32, trust_remote_code=False
            )
    except Exception as error:  # whatever a config of another library's making runs into
        raise UserError(f"{where}: transformers makes no classifier of it: {error}") from error
    inputs = inspect.signature(model.forward).parameters
    for name, reason in NEEDED_INPUTS.items():
        if name not in inputs:
            raise unsupported(given["model_type"], reason, where)
    return model.eval()


def dropout_fields(config: Mapping[str, Any]) -> list[str]:
    """The names of a config's probabilities of dropout, those that it leaves to their defaults included."""
    from transformers import CONFIG_MAPPING

    filled = CONFIG_MAPPING[config["model_type"]].from_dict(dict(config)).to_dict()
    return [
        name
        for name, value in filled.items()
        if "dropout" in name and (value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)))
    ]


@lru_cache(maxsize=8)
def special_ids(config: str) -> tuple[int, ...]:
    """The ids of the special tokens that the JSON text `config` names or leaves to their defaults."""
    from transformers import CONFIG_MAPPING

    given = json.loads(config)
    filled = CONFIG_MAPPING[given["model_type"]].from_dict(given).to_dict()
    named = [value for name, value in filled.items() if name.endswith("_token_id")]
    ids = [number for value in named for number in (value if isinstance(value, list) else [value])]
    return tuple(number for number in ids if isinstance(number, int))


@lru_cache(maxsize=4)
def network(
    config: str, labels: int, device: torch.device, dtype: torch.dtype, *, own_dropout: bool = False
) -> nn.Module:
    """The module to call with a run's weights: its parameters take no memory, its buffers lie on the device.

    `own_dropout` as of `build`.
    """
    model = build(config, labels, own_dropout=own_dropout)
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            empty = torch.empty_like(parameter, dtype=dtype, device="meta")
            setattr(module, name, nn.Parameter(empty, requires_grad=False))
        for name, buffer in module.named_buffers(recurse=False):
            module._buffers[name] = buffer.to(device, dtype if buffer.is_floating_point() else None)
    return model


def offset_of(model: nn.Module) -> int:
    """The position id of a text's first token: behind the padding id where the table of positions has a row for it."""
    network: Any = model
    rows, words = getattr(network.config, "max_position_embeddings", None), network.get_input_embeddings()
    tables = (module for module in model.modules() if isinstance(module, nn.Embedding) and module is not words)
    padded = (module.padding_idx for module in tables if module.num_embeddings == rows)
    return next((padding + 1 for padding in padded if padding is not None), 0)
