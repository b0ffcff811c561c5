"""What a Trainer says of its run: settings, names, versions, and what it predicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

PACKAGES = ("torch", "transformers", "accelerate", "peft", "datasets")
_ARGUMENTS = (
    "learning_rate", "num_train_epochs", "max_steps", "warmup_steps", "weight_decay", "max_grad_norm", "optim",
    "lr_scheduler_type", "adam_beta1", "adam_beta2", "adam_epsilon", "label_smoothing_factor", "fp16", "bf16",
    "load_best_model_at_end",
)  # fmt: skip


def settings_of(trainer: Any) -> dict[str, Any]:
    """What of its TrainingArguments tells a recipe apart."""
    arguments = trainer.args
    found = {name: getattr(arguments, name, None) for name in _ARGUMENTS}
    if found["max_steps"] is not None and found["max_steps"] > 0:
        del found["num_train_epochs"]
    examples = arguments.per_device_train_batch_size * arguments.gradient_accumulation_steps
    found["batch_size"] = examples * max(1, arguments.n_gpu) * max(1, arguments.world_size)
    plain = {name: getattr(value, "value", value) for name, value in found.items()}
    kept = {name: value for name, value in plain.items() if value is not None and value is not False and value != -1}
    peft = getattr(trainer.model, "peft_config", None)
    if isinstance(peft, Mapping):
        kept["peft"] = {str(name): _peft_settings(config) for name, config in sorted(peft.items())}
    return kept


def _peft_settings(config: Any) -> dict[str, Any]:
    names = ("peft_type", "r", "lora_alpha", "lora_dropout", "target_modules", "num_virtual_tokens")
    found = {name: getattr(config, name, None) for name in names}
    plain = {name: getattr(value, "value", value) for name, value in found.items() if value is not None}
    return {name: sorted(value) if isinstance(value, set | frozenset) else value for name, value in plain.items()}


def model_name(trainer: Any) -> str | None:
    """The last part of where its model came from, else the class of the model."""
    source = str(getattr(getattr(trainer.model, "config", None), "_name_or_path", "") or "")
    return source.rstrip("/").rpartition("/")[2].lstrip(".") or type(trainer.model).__name__


def versions() -> dict[str, str]:
    """Of the packages that trained."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@dataclass(frozen=True)
class Prediction:
    """Of the evaluation set: labels `(n,)`, with logits `(n, outputs)` or predictions `(n,)`; None where unknown."""

    labels: np.ndarray[Any, Any] | None
    predictions: np.ndarray[Any, Any] | None
    logits: np.ndarray[Any, Any] | None
    objective: str | None
    label_names: Sequence[str] | None


def prediction_of(output: Any, config: Any) -> Prediction:
    """What a Trainer's `predict` gave, where an example has one label; else nothing but scores can be known."""
    labels, found = _first(output.label_ids), _first(output.predictions)
    if labels is None or found is None or labels.ndim != 1 or len(labels) != len(found) or found.ndim not in (1, 2):
        return Prediction(None, None, None, None, None)
    regression = labels.dtype.kind == "f" or getattr(config, "problem_type", None) == "regression"
    if found.ndim == 1:
        return Prediction(labels, found, None, "regression" if regression else "classification", None)
    if regression and found.shape[1] != 1:
        return Prediction(None, None, None, None, None)
    names = None if regression else _label_names(config, found.shape[1])
    return Prediction(labels, None, found, "regression" if regression else "classification", names)


def _first(values: Any) -> np.ndarray[Any, Any] | None:
    while isinstance(values, (tuple, list, Mapping)):
        if not values:
            return None
        values = values.get("logits") if isinstance(values, Mapping) else values[0]
    return None if values is None else np.asarray(values)


def _label_names(config: Any, classes: int) -> list[str] | None:
    """The config's own; None for those that transformers makes up."""
    named = getattr(config, "id2label", None) or {}
    names = [str(named.get(number, "")) for number in range(classes)]
    made_up = all(name == f"LABEL_{number}" for number, name in enumerate(names))
    return None if made_up or "" in names or len(set(names)) < classes else names


def examples_of(trainer: Any, dataset: Any) -> list[int] | None:
    """The rows of an evaluation set in the order in which `predict` reads them; None for their own order."""
    sampler = trainer._get_eval_sampler(dataset) if hasattr(trainer, "_get_eval_sampler") else None
    order = None if sampler is None or trainer.args.world_size > 1 else [int(row) for row in sampler]
    return None if order is None or order == sorted(order) else order
