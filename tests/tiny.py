"""Tiny models, texts and trainings that the tests of several rooms share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from transformers import (
    AlbertConfig,
    AlbertForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    ElectraConfig,
    ElectraForSequenceClassification,
    PreTrainedModel,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from stabbench.models.architecture import Architecture, architecture_of
from stabbench.models.batch import TokenizedTexts
from stabbench.plan import STREAMS, Recipe
from stabbench.training.inputs import TrainingInputs

CLASSES = {
    "bert": (BertConfig, BertForSequenceClassification),
    "roberta": (RobertaConfig, RobertaForSequenceClassification),
    "albert": (AlbertConfig, AlbertForSequenceClassification),
    "electra": (ElectraConfig, ElectraForSequenceClassification),
    "distilbert": (DistilBertConfig, DistilBertForSequenceClassification),
}
OTHER_NAMES: dict[str, dict[str, Any]] = {
    "albert": {"embedding_size": 16},
    "electra": {"embedding_size": 16},
    "distilbert": {"hidden_dim": 64},
}
VOCABULARY = 60


def hugging_face_model(kind: str, labels: int = 2, layers: int = 3, seed: int = 0) -> PreTrainedModel:
    """A small float64 classifier with weights of noticeable size, dropout on by default as configured."""
    config_class, model_class = CLASSES[kind]
    config = config_class(
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        **({} if kind == "distilbert" else {"type_vocab_size": 2}),
        num_labels=labels,
        pad_token_id=1 if kind == "roberta" else 0,
        **OTHER_NAMES.get(kind, {}),
    )
    torch.manual_seed(seed)
    model = model_class(config).double().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "LayerNorm" not in name and "layer_norm" not in name:
                nn.init.normal_(parameter, 0, 0.15)
    return cast(PreTrainedModel, model)


def architecture(model: PreTrainedModel) -> Architecture:
    return architecture_of(model.config.to_dict(), int(model.config.num_labels or 0))


def stacked(model: PreTrainedModel) -> dict[str, Tensor]:
    """The model's weights with a run axis of 1."""
    return {name: parameter.detach().unsqueeze(0) for name, parameter in model.named_parameters()}


def pretrained(model: PreTrainedModel) -> dict[str, Tensor]:
    """Everything but the classifier, as a pretrained encoder has it."""
    shape = architecture(model)
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters() if not shape.is_new(name)}


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


def padded(data: TokenizedTexts, chosen: np.ndarray, padding_id: int) -> dict[str, Tensor]:
    """The batch as Hugging Face's models take it: padded to the longest, with an attention mask."""
    lengths = data.lengths[chosen]
    shape = (len(chosen), int(lengths.max()))
    ids = torch.full(shape, padding_id)
    segments, mask = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
    for row, example in enumerate(chosen):
        begin, end = data.offsets[example], data.offsets[example + 1]
        ids[row, : end - begin] = torch.from_numpy(data.ids[begin:end])
        segments[row, : end - begin] = torch.from_numpy(data.segments[begin:end])
        mask[row, : end - begin] = 1
    return {"input_ids": ids, "token_type_ids": segments, "attention_mask": mask}


def seeds(*numbers: int) -> list[dict[str, int]]:
    return [dict.fromkeys(STREAMS, number) for number in numbers]


def inputs(
    kind: str = "bert",
    *,
    strategies: tuple[Any, ...] = (),
    examples: int = 90,
    majority: Mapping[str, float] | None = None,
    **recipe: Any,
) -> TrainingInputs:
    """A training of a small model; recipe values go over a float64 recipe that learns within 3 epochs."""
    model = hugging_face_model(kind)
    values: dict[str, Any] = {"learning_rate": 3e-3, "precision": "fp64", **recipe}
    return TrainingInputs(
        architecture=architecture(model),
        pretrained=pretrained(model),
        train=texts(examples, seed=1),
        dev=texts(48, seed=2),
        metrics=("mcc", "accuracy"),
        majority_label=0,
        majority=majority or {"mcc": 0.0, "accuracy": 0.5},
        recipe=Recipe(**values),
        strategies=strategies,
    )
