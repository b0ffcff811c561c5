"""Runs that transformers' Trainer trains are whole: measured, judged and repeatable as the native trainer's are."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import stabbench
from stabbench.execution.loading import load_inputs
from stabbench.huggingface.classifier import classifier
from stabbench.huggingface.trainer import HuggingFace
from stabbench.models import families
from stabbench.models.batch import make_batch
from stabbench.training.adamw import AdamW
from stabbench.training.by_rule import ByRule
from stabbench.training.inputs import CellFiles
from stabbench.training.loop import train
from stabbench.training.measured import Measured
from stabbench.training.norms import clip_factors
from stabbench.training.outcome import RunResult
from stabbench.training.schedule import Schedule
from tests.huggingface import folders
from tests.huggingface.conftest import Given

CPU = torch.device("cpu")
WHOLE = {"batch_size": 64, "total_steps": 1, "max_grad_norm": 0, "dropout": 0.0}
"""One update on all 48 training texts."""
SGD = {"optimizer": "sgd", "optimizer_options": {"momentum": 0.8, "nesterov": True}, "learning_rate": 0.05}


def seeds(seed: int) -> dict[str, int]:
    return dict.fromkeys(("head", "order", "dropout", "strategy"), seed)


def measured(inputs: CellFiles, seed: int = 1, **streams: int) -> Measured:
    return HuggingFace().train(inputs, [seeds(seed) | streams], device=CPU)[0]


def judged(inputs: CellFiles, seed: int = 1) -> RunResult:
    return train(inputs, [seeds(seed)], trainer=HuggingFace())[0]


@pytest.mark.slow
def test_native_runs_trainer_runs_adapters_and_a_decoder_end_in_one_table(prepared: Path, tmp_path: Path) -> None:
    models = {
        "bert": {"source": f"{prepared}/bert"},
        "qwen2": {"source": f"{prepared}/qwen2", "trainer": "huggingface"},
    }
    own = folders.strategy()
    strategies = {
        "plain": {name: own[name] for name in ("plugin", "recipe")},
        "hf": folders.strategy(options={"label_smoothing_factor": 0.1, "lr_scheduler_type": "cosine"}),
        "lora": folders.strategy(peft={"r": 4, "target_modules": "all-linear"}),
    }
    strategies["plain"]["recipe"] = {**own["recipe"], "dropout": 0.1}
    folders.texts(tmp_path)
    (tmp_path / "params.yaml").write_text(folders.params(models, strategies, seeds="1"))
    project = stabbench.Project(tmp_path)
    project.prepare()
    project.plan()
    assert project.train(workers=1).counts == "6 runs trained, 0 already there"
    project.report()
    table = pd.read_csv(tmp_path / "reports/tables/stability.csv")
    assert table.set_index(["model", "strategy"])["n"].to_dict() == {
        (model, strategy): 1 for model in models for strategy in strategies
    }


@pytest.mark.parametrize("task", ["kinds", "shares"])
def test_loss_and_gradient_of_a_batch_are_the_native_ones(given: Given, task: str, prepared: Path) -> None:
    files = given("bert", WHOLE, task=task)
    run = measured(files)
    assert files.task is not None
    assert files.model is not None
    start = classifier(files.model, files.task.outputs, files.recipe, None, 1)
    weights = {name: tensor.detach().unsqueeze(0).requires_grad_() for name, tensor in start.named_parameters()}
    native = load_inputs(dataclasses.replace(files.cell, spec=_native(files)), prepared)
    batch = make_batch(native.train, [np.arange(48)], torch.float32, CPU)
    logits = families.encoder_of(native.architecture).classify(weights, batch)
    loss = native.objective.loss(logits, batch.labels)
    found = torch.autograd.grad(loss.sum(), list(weights.values()), materialize_grads=True)
    norms = {name: float(gradient.norm()) for name, gradient in zip(weights, found, strict=True)}
    assert run.losses[0] == pytest.approx(loss.item(), abs=1e-6)
    assert dict(zip(run.tensors, run.gradient_norms[0], strict=True)) == pytest.approx(norms, abs=1e-6)
    assert run.norms is not None
    assert run.norms[0] == pytest.approx(np.linalg.norm(list(norms.values())), abs=1e-6)
    assert run.tokens[0] == len(native.train.ids)


@pytest.mark.parametrize("own", [{}, SGD], ids=["adamw", "sgd"])
def test_a_training_on_one_batch_is_the_native_one_update_by_update(
    given: Given, prepared: Path, own: dict[str, Any]
) -> None:
    recipe = {**WHOLE, "total_steps": 6, "warmup_ratio": 0.4, "max_grad_norm": 0.5, "weight_decay": 0.1, **own}
    files = given("bert", recipe)
    run = measured(files)
    assert files.model is not None
    start = classifier(files.model, 2, files.recipe, None, 1)
    weights = {name: tensor.detach().unsqueeze(0).clone() for name, tensor in start.named_parameters()}
    native = load_inputs(dataclasses.replace(files.cell, spec=_native(files)), prepared)
    facts, schedule = native.architecture.facts(), Schedule.of(files.recipe, 48)
    decays, chosen = (lambda name: facts[name].decays), native.optimizer
    optimizer: AdamW | ByRule = AdamW(weights, files.recipe, decays)
    if chosen is not None:
        optimizer = ByRule(weights, chosen, files.recipe, native.architecture, decays)
    batch, encoder = (
        make_batch(native.train, [np.arange(48)], torch.float32, CPU),
        families.encoder_of(native.architecture),
    )
    losses = []
    for update in range(6):
        trained = {name: tensor.detach().requires_grad_() for name, tensor in weights.items()}
        loss = native.objective.loss(encoder.classify(trained, batch), batch.labels)
        found = torch.autograd.grad(loss.sum(), list(trained.values()), materialize_grads=True)
        total = torch.stack([gradient.norm() for gradient in found]).norm()
        clip = float(clip_factors(total, 0.5))
        losses.append(loss.item())
        with torch.no_grad():
            gradients = dict(zip(weights, (gradient.contiguous() for gradient in found), strict=True))
            optimizer.update(gradients, update + 1, schedule.learning_rate(update), clip=clip)
    assert run.losses == pytest.approx(losses, abs=1e-5)
    assert losses[-1] < losses[0] - 1e-3
    assert {group["epsilon"] for group in run.parameter_groups} == {0.0 if own else files.recipe.adam_epsilon}


def _native(files: CellFiles) -> Any:
    """The same spec as the native trainer has it."""
    spec = type(files.cell.spec)(files.cell.spec)
    del spec["trainer"]
    spec["model"] = {name: value for name, value in spec["model"].items() if name != "computed_by"}
    return spec


def test_rates_and_updates_are_the_recipes_with_warm_up_and_a_last_partial_batch(given: Given) -> None:
    files = given("bert", {"batch_size": 20, "epochs": 3, "warmup_ratio": 0.4, "gradient_norm_every": 4})
    run, schedule = measured(files), Schedule.of(files.recipe, 48)
    assert (schedule.steps_per_epoch, schedule.total_steps, schedule.warmup_steps) == (3, 9, 3)
    assert (run.steps_per_epoch, run.total_steps, run.warmup_steps) == (3, 9, 3)
    assert run.learning_rates == pytest.approx([schedule.learning_rate(update) for update in range(9)], abs=1e-12)
    assert list(run.gradient_norm_steps) == [0, 4, 8]
    assert run.tokens[0] + run.tokens[1] + run.tokens[2] == sum(run.tokens[:3]) == sum(run.tokens[3:6])


@pytest.mark.parametrize(
    "fields",
    [
        {"schedule": "cosine"},
        {"schedule": "constant"},
        {"schedule": "polynomial", "schedule_power": 3.0},
        {"schedule": "wsd", "schedule_decay_share": 0.4, "schedule_decay_shape": "1-sqrt"},
    ],
    ids=lambda fields: fields["schedule"],
)
def test_the_recipes_schedule_is_trainers(given: Given, fields: dict[str, Any]) -> None:
    files = given("bert", {"batch_size": 20, "epochs": 3, "warmup_ratio": 0.4, **fields})
    schedule = Schedule.of(files.recipe, 48)
    rates = [schedule.learning_rate(update) for update in range(9)]
    assert measured(files).learning_rates == pytest.approx(rates, abs=1e-12)


def test_clipping_keeps_the_norm_before_it_beside_that_after_it(given: Given) -> None:
    run = measured(given("bert", {"max_grad_norm": 0.01}))
    assert run.norms is not None
    assert run.clipped_norms is not None
    assert run.norms.min() > 0.01
    assert run.clipped_norms == pytest.approx(0.01, rel=1e-4)


@pytest.mark.parametrize("model", ["bert", "llama"])
def test_accumulated_passes_are_the_update_that_they_are_parts_of(given: Given, model: str) -> None:
    recipe = {**WHOLE, "dropout": "model" if model == "llama" else 0.0, "total_steps": 2, "batch_size": 40}
    at_once = measured(given(model, recipe))
    parts = measured(given(model, recipe, options={"gradient_accumulation_steps": 4}))
    assert parts.losses == pytest.approx(at_once.losses, abs=1e-5)  # 8 texts are left for the second update
    assert parts.gradient_norms[0] == pytest.approx(at_once.gradient_norms[0], abs=1e-5)
    assert (list(at_once.passes), list(parts.passes)) == ([1, 1], [4, 1])
    assert list(parts.tokens) == list(at_once.tokens)


def test_the_same_spec_gives_the_same_digest_alone_again_and_in_a_worker(
    given: Given, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STABBENCH_STORE", str(tmp_path / "store"))
    files = given("bert", {"dropout": 0.1}, peft={"lora_dropout": 0.1})
    first = judged(files).data["result_digest"]
    torch.rand(7)
    assert judged(files).data["result_digest"] == first
    assert judged(files, 2).data["result_digest"] != first
    project = stabbench.Project(prepared)
    project.plan()
    project.train(workers=1)
    (record,) = (tmp_path / "store").glob("*/*/record.json")
    assert f'"result_digest": "{first}"' in record.read_text()


def test_each_stream_has_a_seed_of_its_own(given: Given) -> None:
    files = given("bert", {"dropout": 0.2, "total_steps": 2})
    usual = measured(files)
    other = {stream: measured(files, **{stream: 2}) for stream in ("head", "order", "dropout", "strategy")}
    assert list(other["strategy"].losses) == list(usual.losses)
    for stream in ("head", "order", "dropout"):
        assert other[stream].losses[0] != usual.losses[0], stream
    assert other["order"].tokens[0] != usual.tokens[0]
    assert other["head"].tokens == other["dropout"].tokens == usual.tokens


def test_dev_is_scored_at_the_end_and_in_between_where_asked_for_which_changes_nothing(given: Given) -> None:
    recipe = {"dropout": 0.1, "evaluations_per_epoch": 3}
    once, often = measured(given("bert", recipe)), measured(given("bert", recipe, evaluate="recipe"))
    assert [done.step for done in once.evaluations] == [6]
    assert [done.step for done in often.evaluations] == [2, 4, 6]
    assert list(once.losses) == list(often.losses)
    assert once.evaluations[-1] == often.evaluations[-1]
    assert set(once.evaluations[-1].scores) == {"accuracy", "mcc"}


def test_the_best_evaluation_is_reported_and_a_run_ends_where_its_patience_does(given: Given) -> None:
    recipe = {"dropout": 0.1, "evaluations_per_epoch": 6, "epochs": 4, "checkpoint_selection": "best"}
    last = judged(given("bert", {**recipe, "checkpoint_selection": "last"}, evaluate="recipe"))
    best = judged(given("bert", recipe, evaluate="recipe"))
    ended = judged(given("bert", {**recipe, "early_stopping_patience": 3}, evaluate="recipe"))
    history = last.tables["history.parquet"].dropna(subset="dev_accuracy")
    step = int(history["step"].iloc[int(history["dev_accuracy"].argmax())])
    assert best.data["final"] == best.data["best"] == last.data["best"]
    assert best.data["final"]["step"] == step < 24
    assert best.data["last"] == last.data["final"]
    steps = ended.data["cost"]["steps"]
    assert steps == len(ended.tables["history.parquet"]) < ended.data["total_steps"] == 24
    assert ended.data["last"]["step"] == steps == ended.data["final"]["step"] + 3
    for run in (best, ended):
        table = run.tables["predictions.parquet"]
        assert (table["prediction"] == table["label"]).mean() == run.data["final"]["scores"]["accuracy"]


def test_numbers_are_predicted_in_their_own_unit(given: Given) -> None:
    result = judged(given("gpt2", {"epochs": 6}, task="shares"))
    assert result.data["train_loss"]["final"] < 0.9 * result.data["train_loss"]["label_entropy"]
    predicted = result.tables["predictions.parquet"]["prediction"]
    assert 0.1 < predicted.mean() < 0.7  # as shares are, and not in standard deviations


def test_a_loss_beyond_numbers_has_diverged(given: Given) -> None:
    data = judged(given("bert", {"learning_rate": 1e30, "epochs": 20})).data
    assert data["status"] == "diverged"
    assert data["diverged_at"] < 10
    assert data["total_steps"] == 120


def test_a_head_that_the_folder_brings_is_drawn_anew(given: Given, tmp_path: Path) -> None:
    files = given("bert")
    assert files.model is not None
    first = classifier(files.model, 2, files.recipe, None, 1)
    first.save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((files.model / name).read_bytes())
    again = classifier(tmp_path, 2, files.recipe, None, 2)
    assert not torch.equal(again.classifier.weight, first.classifier.weight)
    assert again.classifier.weight.std().item() == pytest.approx(0.02, rel=0.4)
    assert torch.equal(again.bert.pooler.dense.weight, first.bert.pooler.dense.weight)


def test_bf16_products_leave_other_losses_that_are_close(given: Given) -> None:
    single, half = measured(given("bert", WHOLE)), measured(given("bert", {**WHOLE, "precision": "bf16"}))
    assert half.losses[0] != single.losses[0]
    assert half.losses[0] == pytest.approx(single.losses[0], abs=0.02)


def test_what_trained_is_told_by_version_and_what_adapters_leave_alone_is_in_no_group(given: Given) -> None:
    files = given("llama", peft={"r": 2, "target_modules": ["q_proj"]})
    run = measured(files)
    assert files.cell.spec.model.others["computed_by"].startswith("transformers 5.")
    assert ", peft 0." in files.cell.spec.model.others["computed_by"]
    assert {"transformers", "accelerate", "peft", "torch"} <= run.versions.keys()
    expected = {f"model.layers.{layer}.self_attn.q_proj.lora_{part}.weight" for layer in (0, 1) for part in "AB"}
    assert set(run.tensors) == expected | {"score.weight"}
    assert {name for group in run.parameter_groups for name in group["tensors"]} == set(run.tensors)
    role = files.cell.tensors.of("model.layers.1.self_attn.q_proj.lora_A.weight")
    assert (role.kind, role.layer) == ("added", "layer 2")
    assert files.cell.tensors.of("model.layers.1.self_attn.q_proj.weight").part == "query"
