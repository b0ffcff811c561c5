"""The weights of a model that transformers computes, in and out of its folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stabbench.models.architecture import Architecture
from stabbench.models.families.huggingface.network import dropout_fields
from stabbench.models.families.huggingface.quiet import quiet_transformers
from stabbench.models.fitting import check_fit


def pretrained_weights(folder: Path, architecture: Architecture, dtype: torch.dtype) -> dict[str, Tensor]:
    """A folder's tensors by Hugging Face name, without run axis, read by transformers, which knows older names.

    All that transformers' classifier takes from the folder, but for the output layer. What lies outside the encoder may
    be absent, and so may a pooler. Raises UserError where another tensor is missing or has another shape.
    """
    from transformers import AutoModelForSequenceClassification

    with torch.random.fork_rng(devices=[]), quiet_transformers():
        model, info = AutoModelForSequenceClassification.from_pretrained(
            str(folder),
            num_labels=architecture.labels,
            dtype=dtype,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
        )
    tensors = dict(model.named_parameters())
    missing = {name for name in info["missing_keys"] if name in tensors}
    check_fit(
        folder,
        architecture,
        sorted(name for name in missing if not architecture.may_lack(name)),
        sorted(entry for entry in info["mismatched_keys"] if not architecture.may_lack(entry[0])),
    )
    missing |= {name for name, _, _ in info["mismatched_keys"]}
    return {
        tensor.name: tensors[tensor.name].detach().clone()
        for tensor in architecture.tensors
        if tensor.name not in missing and tensor.origin != "new"
    }


def classifier_config(config: Mapping[str, Any], dropout: float | str) -> dict[str, Any]:
    """The fields of config.json that say which class a saved classifier has, and its dropout where that is a number."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES as CLASSES

    places = {} if isinstance(dropout, str) else dict.fromkeys(dropout_fields(config), dropout)
    return {"architectures": [CLASSES[config["model_type"]]], **places}
