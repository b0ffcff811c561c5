"""A generic encoder's weights in and out of a Hugging Face folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stabbench.models.fitting import check_fit
from stabbench.models.generic.architecture import GenericArchitecture
from stabbench.models.generic.network import dropout_fields
from stabbench.models.quiet import quiet_transformers


def pretrained_weights(folder: Path, architecture: GenericArchitecture, dtype: torch.dtype) -> dict[str, Tensor]:
    """The encoder's tensors by Hugging Face name, without run axis, read by transformers, which knows older names.

    What lies outside the encoder is never taken; a pooler may be absent. Raises UserError where another tensor is
    missing or has another shape.
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
    missing = {name for name in info["missing_keys"] if name in tensors and not architecture.is_new(name)}
    check_fit(
        folder,
        architecture,
        sorted(name for name in missing if ".pooler" not in name),
        sorted(entry for entry in info["mismatched_keys"] if not architecture.is_new(entry[0])),
    )
    return {
        name: tensors[name].detach().clone()
        for name in architecture.shapes()
        if name not in missing and not architecture.is_new(name)
    }


def classifier_config(config: Mapping[str, Any], dropout: float) -> dict[str, Any]:
    """The fields of config.json that say which class a saved classifier has, and its dropout."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES as CLASSES

    return {"architectures": [CLASSES[config["model_type"]]], **dict.fromkeys(dropout_fields(config), dropout)}
