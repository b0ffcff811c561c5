"""Tiny models, texts and trainings that the tests of several rooms share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from transformers import PreTrainedModel

from stabbench.models.batch import TokenizedTexts
from stabbench.recipe import Recipe
from stabbench.tasks.objectives.contract import Trivial
from stabbench.testing.tiny import (
    VOCABULARY,
    architecture,
    hugging_face_model,
    pretrained,
    seeds,
    texts,
)
from stabbench.training.inputs import TrainingInputs

__all__ = [
    "AS_BERT",
    "IN_KERNEL",
    "NATIVE",
    "PROJECT",
    "VOCABULARY",
    "InDoublePrecision",
    "architecture",
    "given",
    "hugging_face_model",
    "inputs",
    "padded",
    "pretrained",
    "seeds",
    "stacked",
    "texts",
]

AS_BERT = ("bert", "roberta", "albert", "xlm-roberta", "camembert", "electra", "distilbert")
"""Of which there are tiny models that are computed as BERT."""
IN_KERNEL = (*AS_BERT, "modernbert")
"""Of which there are tiny models that the compiled kernel computes."""
NATIVE = (*IN_KERNEL, "mpnet", "deberta-v2")
"""Of which there are tiny models: we compute all of them ourselves."""
PROJECT = """
preset: test
grid: {models: [embedded], tasks: [acceptability], strategies: [devlin]}
models:
  embedded:
    source: embedded
    learning_rate: 1.0e-3
    pretraining:
      {layers: 2, hidden_size: 16, heads: 2, intermediate_size: 32, steps: 10, warmup_steps: 2, batch_size: 8,
       sentences: 50, pairs: 10, seed: 1}
tasks:
  acceptability: {dataset: acceptability, train_size: 48, dev_size: 32}
"""
"""A params.yaml but for its seeds and strategies: a model of two layers and a task, both made in seconds."""


class InDoublePrecision(TorchFunctionMode):
    """transformers turns ModernBERT's queries and keys in fp32, whatever the model's type; under this, as it is written
    but in the type of the model.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        return args[0] if func is Tensor.float else func(*args, **(kwargs or {}))


def stacked(model: PreTrainedModel) -> dict[str, Tensor]:
    """The model's weights with a run axis of 1."""
    return {name: parameter.detach().unsqueeze(0) for name, parameter in model.named_parameters()}


def stacked_leaves(models: Sequence[torch.nn.Module]) -> dict[str, Tensor]:
    """Their parameters by name with a run axis, as leaves that have gradients."""
    found = [dict(model.named_parameters()) for model in models]
    return {name: torch.stack([run[name].detach() for run in found]).requires_grad_() for name in found[0]}


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


def given(model: PreTrainedModel, data: TokenizedTexts, chosen: np.ndarray) -> dict[str, Tensor]:
    """The arguments of a Hugging Face model for a batch: without segments where it takes none."""
    found = padded(data, chosen, int(model.config.pad_token_id or 0))
    if not getattr(model.config, "type_vocab_size", 0):
        del found["token_type_ids"]
    return found


def inputs(
    kind: str = "bert",
    *,
    strategies: tuple[Any, ...] = (),
    examples: int = 90,
    trivial: Mapping[str, float] | None = None,
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
        trivial=Trivial(0, trivial or {"mcc": 0.0, "accuracy": 0.5}, {}),
        recipe=Recipe(**values),
        strategies=strategies,
    )
