"""Weights in and out of Hugging Face form: safetensors only."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from stabbench.errors import UserError
from stabbench.files import write_json
from stabbench.models.architecture import SUPPORTED, Architecture
from stabbench.models.config_fields import field_of
from stabbench.models.fitting import encoder_names
from stabbench.models.folder_files import INDEX, WEIGHTS
from stabbench.models.generic import weights as generic
from stabbench.models.generic.architecture import GenericArchitecture
from stabbench.models.generic.initialisation import initial_tensors
from stabbench.models.sources import weight_files
from stabbench.models.tokenizer import keep_tokenizer
from stabbench.randomness import Draws


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """All tensors of a folder's safetensors files, sharded or not."""
    if not (folder / WEIGHTS).exists() and not (folder / INDEX).exists():
        raise UserError(f"no {WEIGHTS} in {folder}: weights are read as safetensors only")
    return {name: tensor for file in weight_files(folder) for name, tensor in load_file(file).items()}


def pretrained_weights(folder: Path, architecture: Architecture, dtype: torch.dtype) -> dict[str, Tensor]:
    """The encoder's tensors by Hugging Face name, without run axis; what the folder lacks is left out.

    The classifier is never taken (it is always new), nor RoBERTa's dense layer over the first token; a masked-LM
    folder has no pooler, so that it is new too. Of other models whatever else transformers takes is taken. Raises
    UserError where an encoder tensor is missing or has another shape.
    """
    if isinstance(architecture, GenericArchitecture):
        return generic.pretrained_weights(folder, architecture, dtype)
    tensors = read_tensors(folder)
    names = encoder_names(folder, architecture, {name: tuple(tensor.shape) for name, tensor in tensors.items()})
    return {name: tensors[present].to(dtype, copy=True) for name, present in names.items()}


def initial_weights(
    pretrained: Mapping[str, Tensor], architecture: Architecture, seed: int, dtype: torch.dtype
) -> dict[str, Tensor]:
    """One run's weights before training: the pretrained ones and the new ones, drawn from the seed's `head` stream.

    New matrices are N(0, σ²) with the config's `initializer_range` for σ (0.02 in the published ones), new biases 0
    and new norms the identity; new tensors of other models are drawn as transformers draws them. Tensors are copies,
    without run axis.
    """
    draws, facts = Draws(seed, "head"), architecture.facts()
    weights: dict[str, Tensor] = {}
    drawn: Mapping[str, Tensor] = {}
    if isinstance(architecture, GenericArchitecture):
        drawn = initial_tensors(architecture, [name for name in architecture.shapes() if name not in pretrained], draws)
    for name, shape in architecture.shapes().items():
        if name in pretrained:
            weights[name] = pretrained[name].to(dtype).clone()
        elif name in drawn:
            weights[name] = drawn[name].to(dtype)
        elif name.endswith(".bias"):
            weights[name] = torch.zeros(shape, dtype=dtype)
        elif facts[name].kind == "layer_norm":
            weights[name] = torch.ones(shape, dtype=dtype)
        else:
            weights[name] = torch.from_numpy(draws.normal(name, shape) * architecture.initial_std).to(dtype)
    return weights


def save_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write a safetensors file; OSError where the disk is full or says no."""
    try:
        save_file(dict(tensors), path, metadata={"format": "pt"})
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


def save_classifier(
    folder: Path,
    weights: Mapping[str, Tensor],
    source: Path,
    labels: tuple[str, ...],
    dropout: float | str,
    *,
    legacy_segments: bool = False,
) -> None:
    """Write one run's weights (no run axis) as a Hugging Face folder that AutoModelForSequenceClassification loads.

    `source` is the folder that the encoder came from: its config and tokenizer go along, the tokenizer so that it
    gives the inputs of the training (no segment ids where it had `legacy_segments`). `dropout` is the recipe's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in weights.items()}
    save_tensors(tensors, folder / "model.safetensors")
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    kind = config["model_type"]
    names = {str(number): name for number, name in enumerate(labels)}
    config |= {
        "id2label": names,
        "label2id": {name: int(number) for number, name in names.items()},
        "num_labels": len(labels),
        "problem_type": "single_label_classification",
        **(_own_fields(kind, dropout) if kind in SUPPORTED else generic.classifier_config(config, dropout)),
        "dtype": str(next(iter(tensors.values())).dtype).removeprefix("torch."),
    }
    config.pop("torch_dtype", None)
    write_json(folder / "config.json", config)
    kinds = int(field_of(config, "type_vocab_size") or 0)
    keep_tokenizer(source, folder, segments=kinds > 1 and not legacy_segments)


def _own_fields(kind: str, dropout: float | str) -> dict[str, Any]:
    name = {"bert": "Bert", "roberta": "Roberta", "albert": "Albert"}[kind]
    return {
        "architectures": [f"{name}ForSequenceClassification"],
        "hidden_dropout_prob": dropout,
        "attention_probs_dropout_prob": dropout,
        "classifier_dropout": dropout,
        "classifier_dropout_prob": dropout,
    }
