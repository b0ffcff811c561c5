"""What Trainer, transformers or peft cannot do is told by the plan, in a sentence that says what to write instead."""

from __future__ import annotations

import importlib.metadata
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from stabbench.config import load
from stabbench.errors import UserError
from stabbench.huggingface.trainer import HuggingFace
from stabbench.recipe import Recipe
from stabbench.resolve.planning import plan_cell
from tests.huggingface import folders
from tests.huggingface.conftest import Given

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("model", "recipe", "block", "message"),
    [
        ("bert", {}, {"options": {"label_smothing_factor": 0.1}}, "did you mean 'label_smoothing_factor'"),
        ("bert", {}, {"options": {"label_smoothing_factor": 5}}, "found 5, expected a number from 0 to below 1"),
        ("bert", {}, {"options": {"label_smoothing_factor": "0.1"}}, "found '0.1', expected a number from 0"),
        ("bert", {}, {"options": {"learning_rate": 1e-4}}, "options.learning_rate: set it in the recipe, as `learn"),
        ("bert", {}, {"options": {"num_train_epochs": 1}}, "set it in the recipe, as `epochs`"),
        ("bert", {}, {"options": {"seed": 3}}, "options.seed: each run has the seed of params.yaml"),
        ("bert", {}, {"options": {"output_dir": "out"}}, "records of its own: leave it out"),
        ("bert", {}, {"options": {"save_steps": 3}}, "options.save_steps: stabbench keeps"),
        ("bert", {}, {"options": {"eval_strategy": "epoch"}}, "`evaluate: recipe`"),
        ("bert", {}, {"options": {"fsdp_config": {}}}, "one process on one device"),
        ("bert", {}, {"options": {"dataloader_drop_last": True}}, "the last, partial one of an epoch included"),
        ("bert", {}, {"options": {"optim": "adam-w"}}, "unknown optimizer 'adam-w': did you mean"),
        ("bert", {}, {"options": {"lr_scheduler_type": "cosin"}}, "unknown schedule 'cosin': did you mean 'cosine'"),
        ("bert", {}, {"options": {"optim": "galore_adamw"}}, "transformers refuses these"),
        ("bert", {}, {"options": {"lr_scheduler_type": "cosine_with_min_lr"}}, "transformers refuses these"),
        ("bert", {}, {"options": {"gradient_accumulation_steps": 3}}, "a batch of 8 .* has no such whole parts"),
        ("bert", {}, {"options": [3]}, "expected arguments by name"),
        ("bert", {}, {"peft": True}, "expected arguments by name, such as {r: 8}"),
        ("bert", {}, {"peft": {"rr": 8}}, "peft.rr: LoraConfig has no such argument in version .*: did you mean 'r'"),
        ("bert", {}, {"peft": {"task_type": "SEQ_CLS"}}, "peft.task_type: it is SEQ_CLS: leave it out"),
        ("bert", {}, {"peft": {"target_modules": ["q_proj"]}}, "linear layers are dense, key, query, value"),
        ("bert", {}, {"evaluate": "never"}, "found 'never', expected 'end' or 'recipe'"),
        ("bert", {}, {"optoins": {}}, "did you mean 'options'"),
        ("bert", {"adam_formula": "paper"}, {}, "set `adam_formula: torch` in the recipe"),
        ("bert", {"bias_correction": False}, {}, "always corrects the bias"),
        ("bert", {"optimizer": "lion"}, {}, "found optimizer 'lion', which Trainer does not have in that form"),
        ("bert", {"optimizer": "lino"}, {}, "unknown optimizer 'lino': did you mean 'lion'"),
        ("bert", {"optimizer": "sgd"}, {"options": {"optim": "adafactor"}}, "found optimizer 'sgd' in the recipe and"),
        ("bert", {"schedule": "wsd"}, {"options": {"lr_scheduler_type": "cosine"}}, "lr_scheduler_type in options"),
        ("bert", {"legacy_segments": True}, {}, "legacy_segments, which Trainer does not have"),
        ("bert", {"precision": "fp64"}, {}, "found precision 'fp64'"),
        ("bert", {}, {"options": {"load_best_model_at_end": True}}, "is the recipe's to say"),
        ("bert", {"checkpoint_selection": "best"}, {}, "the recipe reports the best on dev.* set `evaluate: recipe`"),
        ("bert", {"max_length": 65}, {}, "64 positions, max_length is 65"),
        ("gpt2", {"max_length": 65}, {}, "64 positions, max_length is 65"),
    ],
)
def test_it_is_told_before_anything_is_trained(
    given: Given, model: str, recipe: dict[str, Any], block: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=re.sub(r"([{}])", r"\\\1", message)):
        given(model, recipe, **block)


def test_other_optimizers_know_no_formula_of_adam(given: Given) -> None:
    recipe = {"adam_formula": "paper", "bias_correction": False}
    assert given("bert", recipe, options={"optim": "adafactor"}).options == {"options": {"optim": "adafactor"}}


def test_smoothing_is_for_labels(given: Given) -> None:
    with pytest.raises(UserError, match="no labels to smooth in a regression"):
        given("bert", task="shares", options={"label_smoothing_factor": 0.1})


def test_a_strategy_that_acts_by_hooks_is_refused(prepared: Path) -> None:
    models = {"bert": {"source": "./bert"}}
    mine = {**folders.strategy(), "plugin": "mixout"}
    (prepared / "params.yaml").write_text(folders.params(models, {"mine": mine}))
    with pytest.raises(UserError, match="mixout acts by hooks, and the trainer 'huggingface' calls none"):
        plan_cell(load(prepared / "params.yaml"), prepared, "bert", "kinds", "mine")


def test_a_tokenizer_that_belongs_to_another_model_is_refused(given: Given, prepared: Path) -> None:
    folders.llama(prepared / "other")
    tokens = prepared / "other/tokenizer.json"
    content = json.loads(tokens.read_text())
    content["added_tokens"].append({**content["added_tokens"][0], "id": 400, "content": "ferry"})
    tokens.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"gives id \d+, but the model has 300 of them"):
        given("other")


def test_a_package_that_is_not_installed_is_named_with_what_installs_it(
    given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.metadata.version

    def absent(name: str) -> str:
        if name in ("accelerate", "peft"):
            raise importlib.metadata.PackageNotFoundError(name)
        return found(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    reason = HuggingFace().unsupported(Recipe(), CPU)
    assert reason is not None
    assert "`pip install 'stabbench[huggingface]'`" in reason
    monkeypatch.setattr(importlib.metadata, "version", lambda name: absent(name) if name == "peft" else found(name))
    with pytest.raises(UserError, match=r"needs the package peft.*`pip install 'stabbench\[peft\]'`"):
        given("bert", peft={})


def test_a_precision_or_a_gpu_that_is_not_to_be_had_is_told_before_anything_is_loaded() -> None:
    assert "TF32" in str(HuggingFace().unsupported(Recipe(precision="tf32"), CPU))
    assert "CUDA_VISIBLE_DEVICES" in str(HuggingFace().unsupported(Recipe(), torch.device("cuda:1")))
    assert HuggingFace().unsupported(Recipe(), CPU) is None
