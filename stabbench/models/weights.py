"""Weights in and out of Hugging Face form: safetensors only."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from stabbench.files import write_json
from stabbench.models import families
from stabbench.models.architecture import Architecture
from stabbench.models.folder import ModelFolder
from stabbench.models.tokenizer import keep_tokenizer
from stabbench.randomness import Draws


def pretrained_weights(folder: Path, architecture: Architecture, dtype: torch.dtype) -> dict[str, Tensor]:
    """The tensors that the model's family takes from a folder, by Hugging Face name and without run axis.

    What is new or not there is left out. Raises UserError where another tensor is missing or has another shape.
    """
    return families.of(architecture).pretrained(ModelFolder.at(folder), architecture, dtype)


def initial_weights(
    pretrained: Mapping[str, Tensor], architecture: Architecture, seed: int, dtype: torch.dtype
) -> dict[str, Tensor]:
    """One run's weights before training: the pretrained ones and the new ones, drawn from the seed's `head` stream.

    The distribution is the family's. Tensors are copies, without run axis.
    """
    new = [name for name in architecture.shapes() if name not in pretrained]
    drawn = families.of(architecture).drawn(architecture, new, Draws(seed, "head"))
    return {
        name: (drawn[name] if name in drawn else pretrained[name].clone()).to(dtype) for name in architecture.shapes()
    }


def save_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write a safetensors file; OSError where the disk is full or says no."""
    try:
        save_file(dict(tensors), path, metadata={"format": "pt"})
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


_REGRESSION_OUTPUT = "LABEL_0"
"""What transformers calls the one output of a regression."""


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
    gives the inputs of the training (no segment ids where it had `legacy_segments`). `dropout` is the recipe's. Without
    `labels` the model has the one output of a regression.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in weights.items()}
    save_tensors(tensors, folder / "model.safetensors")
    opened = ModelFolder.at(source)
    family = families.reading(opened.config)
    names = {str(number): name for number, name in enumerate(labels or (_REGRESSION_OUTPUT,))}
    config = opened.config | {
        "id2label": names,
        "label2id": {name: int(number) for number, name in names.items()},
        "num_labels": len(names),
        "problem_type": "single_label_classification" if labels else "regression",
        **family.classifier_fields(opened.config, dropout),
        "dtype": str(next(iter(tensors.values())).dtype).removeprefix("torch."),
    }
    config.pop("torch_dtype", None)
    write_json(folder / "config.json", config)
    kinds = int(family.field(opened.config, "type_vocab_size") or 0)
    keep_tokenizer(source, folder, segments=kinds > 1 and not legacy_segments)
