"""hf-default is what the Trainer of transformers does where nothing is set."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from transformers import TrainingArguments

from stabbench.recipe import Recipe
from stabbench.strategies.contract import is_recipe_only
from stabbench.strategies.hf_default import HuggingFaceDefault
from stabbench.training.loop import train
from tests import tiny
from tests.strategies.reference import batches, check_equal, model_at_the_start, trainers_losses


def test_its_values_are_those_of_the_installed_transformers() -> None:
    defaults: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(TrainingArguments)}
    recipe = Recipe().override(HuggingFaceDefault.recipe)
    assert recipe.learning_rate == defaults["learning_rate"]
    assert recipe.batch_size == defaults["per_device_train_batch_size"]
    assert recipe.epochs == defaults["num_train_epochs"]
    assert recipe.warmup_ratio == defaults["warmup_steps"] == 0
    assert recipe.weight_decay == defaults["weight_decay"]
    assert (recipe.adam_beta1, recipe.adam_beta2) == (defaults["adam_beta1"], defaults["adam_beta2"])
    assert recipe.adam_epsilon == defaults["adam_epsilon"]
    assert recipe.max_grad_norm == defaults["max_grad_norm"]
    assert recipe.bias_correction
    assert recipe.adam_formula == "torch"
    assert (defaults["lr_scheduler_type"], defaults["optim"]) == ("linear", "adamw_torch_fused")


def test_it_trains_as_torchs_optimizer_with_the_trainers_schedule_and_clipping() -> None:
    recipe = {**HuggingFaceDefault.recipe, "learning_rate": 1e-3}
    inputs = tiny.inputs(dropout=0.0, **recipe)
    (result,) = train(inputs, tiny.seeds(3))
    model, seen = model_at_the_start(inputs, 3), list(batches(inputs, 3))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, eps=1e-8, weight_decay=0.0)
    check_equal(result, trainers_losses(model, seen, optimizer), model)
    assert len(seen) == 3 * 12


def test_it_is_plain_data() -> None:
    assert is_recipe_only(HuggingFaceDefault)
