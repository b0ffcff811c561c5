"""The callback records a Trainer's run, and the Trainer does what it does without it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset
from transformers import (
    CONFIG_MAPPING,
    AutoModelForSequenceClassification,
    Trainer,
    TrainingArguments,
    set_seed,
)

from stabbench.errors import UserError
from stabbench.huggingface import StabilityCallback
from stabbench.plan import Cell
from stabbench.recording.output import read_output
from stabbench.records import Record

SIZES: dict[str, Any] = {
    "vocab_size": 30,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 16,
}


class Texts(Dataset[dict[str, Any]]):
    """Random pieces, of which the second tells the label."""

    def __init__(self, count: int, seed: int, label: Callable[[int], float] = int) -> None:
        draws = np.random.default_rng(seed)
        self.labels = draws.integers(0, 2, count)
        self.pieces = draws.integers(10, 30, (count, 6))
        self.pieces[:, 1] = 5 + self.labels
        self.label = label

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> dict[str, Any]:
        pieces = torch.tensor(self.pieces[row])
        return {
            "input_ids": pieces,
            "attention_mask": torch.ones(6, dtype=torch.long),
            "labels": self.label(self.labels[row]),
        }


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def model_of(kind: str, labels: int = 2) -> Any:
    set_seed(3)
    make: Any = CONFIG_MAPPING["llama" if kind == "llama" else "bert"]
    tokens = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2} if kind == "llama" else {}
    auto: Any = AutoModelForSequenceClassification
    model = auto.from_config(make(**SIZES, **tokens, num_labels=labels))
    if kind == "lora":
        peft = pytest.importorskip("peft", reason="needs pip install 'stabbench[peft]'")
        return peft.get_peft_model(
            model, peft.LoraConfig(task_type="SEQ_CLS", r=2, lora_dropout=0.1, target_modules=["query", "value"])
        )
    return model


def trainer_of(
    model: Any, folder: Path, kind: type[Trainer] = Trainer, label: Callable[[int], float] = int, **arguments: Any
) -> Trainer:
    usual: dict[str, Any] = {
        "num_train_epochs": 2,
        "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 2,
        "learning_rate": 3e-3,
        "max_grad_norm": 0.1,
        "warmup_steps": 2,
        "seed": 3,
        "eval_strategy": "epoch",
        "logging_steps": 2,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
    }
    return kind(
        model=model,
        args=TrainingArguments(str(folder / "out"), **{**usual, **arguments}),
        train_dataset=Texts(32, 1, label),
        eval_dataset=Texts(20, 2, label),
    )


def trained(trainer: Trainer) -> tuple[dict[str, torch.Tensor], list[dict[str, Any]], torch.Tensor]:
    """Weights, what was logged but times, and the next random number."""
    trainer.train()
    assert trainer.model is not None
    log = [
        {key: value for key, value in entry.items() if not key.endswith(("runtime", "per_second"))}
        for entry in trainer.state.log_history
    ]
    return trainer.model.state_dict(), log, torch.rand(1)


def record_in(folder: Path) -> tuple[Cell, Record]:
    (path,) = folder.glob("runs/*/*/*/seed-0003")
    return Cell.read(path.parent / "cell.json"), Record.read(path)


@pytest.mark.parametrize("kind", ["bert", "llama", "lora"])
def test_a_training_is_recorded_and_comes_out_as_it_does_without(kind: str, tmp_path: Path) -> None:
    alone = trained(trainer_of(model_of(kind), tmp_path))
    trainer = trainer_of(model_of(kind), tmp_path)
    runs = tmp_path / "runs"
    trainer.add_callback(
        StabilityCallback(trainer, "adamw", "toy", model=kind, settings={"note": 1}, gradient_norm_every=2, folder=runs)
    )
    weights, log, draw = trained(trainer)
    assert weights.keys() == alone[0].keys()
    assert all(torch.equal(weights[name], alone[0][name]) for name in weights)
    assert (log, draw) == alone[1:]
    assert "training_step" not in vars(trainer)

    cell, record = record_in(tmp_path)
    history, norms = record.history(), record.gradnorms()
    assert list(history["step"]) == list(range(1, 9))
    assert history["train_loss"].notna().all()
    rates = [3e-3 * share for share in (0, 1 / 2, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6)]
    np.testing.assert_allclose(history["learning_rate"], rates)
    losses = {entry["step"]: entry["eval_loss"] for entry in log if "eval_loss" in entry}
    assert history.set_index("step")["dev_loss"].dropna().to_dict() == pytest.approx(losses)
    # Trainer's own norm is that of the accumulated gradient, before clipping.
    theirs = {entry["step"]: entry["grad_norm"] for entry in log if "grad_norm" in entry}
    assert history.set_index("step").loc[list(theirs), "gradient_norm"].to_dict() == pytest.approx(theirs)
    totals = norms.assign(square=norms["norm"] ** 2).groupby("step")["square"].sum() ** 0.5
    assert list(totals.index) == [0, 2, 4, 6]
    np.testing.assert_allclose(totals, history["gradient_norm"].iloc[[0, 2, 4, 6]], rtol=1e-4)
    assert totals.min() > 0.1

    layers = {cell.tensors.of(name).layer for name in norms["parameter"].unique()}
    assert layers >= {"layer 1", "layer 2", "classifier"}
    predictions = record.predictions()
    assert list(predictions["label"]) == list(Texts(20, 2).labels)
    assert record.result.final.scores["accuracy"] == (predictions["label"] == predictions["prediction"]).mean()
    assert (record.result.total_steps, record.result.steps_per_epoch, record.result.warmup_steps) == (8, 4, 2)
    options = cell.spec["trainer"]["options"]
    assert options["learning_rate"] == 3e-3
    assert options["note"] == 1
    assert ("peft" in options) == (kind == "lora")
    assert record.provenance()["versions"]["transformers"]


class NotANumberFromTheFifthUpdateOn(Trainer):
    """Trainer leaves such losses out of what it logs."""

    def training_step(self, *arguments: Any, **named: Any) -> torch.Tensor:
        loss: torch.Tensor = super().training_step(*arguments, **named)
        return loss * (math.nan if self.state.global_step >= 4 else 1.0)


def test_a_loss_that_trainer_does_not_log_is_seen(tmp_path: Path) -> None:
    trainer = trainer_of(model_of("bert"), tmp_path, NotANumberFromTheFifthUpdateOn, eval_strategy="no")
    trainer.add_callback(StabilityCallback(trainer, "adamw", "toy", folder=tmp_path / "runs"))
    trainer.train()
    record = record_in(tmp_path)[1]
    assert (record.status, record.result.diverged_at) == ("diverged", 5)


def test_numbers_are_recorded_as_numbers_in_a_command_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = trainer_of(model_of("bert", labels=1), tmp_path, label=lambda label: label + 0.5)
    for name, value in {"OUT": str(tmp_path / "out"), "SEED": "3", "TASK": "toy", "STRATEGY": "mine"}.items():
        monkeypatch.setenv(f"STABBENCH_{name}", value)
    trainer.add_callback(StabilityCallback(trainer))
    trainer.train()
    found = read_output(tmp_path / "out")
    assert found.objective is not None
    assert (found.objective.name, found.metrics[0], found.names["strategy"]) == ("regression", "pearson", "mine")
    assert set(np.asarray(found.labels)) == {0.5, 1.5}


def test_without_an_evaluation_set_nothing_is_trained(tmp_path: Path) -> None:
    trainer = trainer_of(model_of("bert"), tmp_path, eval_strategy="no")
    trainer.eval_dataset = None
    trainer.add_callback(StabilityCallback(trainer, "adamw", "toy", folder=tmp_path / "runs"))
    with pytest.raises(UserError, match="found none as eval_dataset, expected one"):
        trainer.train()
    assert trainer.state.global_step == 0


def test_whatever_goes_wrong_at_the_end_is_a_warning_since_the_script_has_a_model_to_save(tmp_path: Path) -> None:
    def broken(output: Any) -> dict[str, float]:
        raise KeyError("no such label")

    trainer = trainer_of(model_of("bert"), tmp_path, num_train_epochs=1, eval_strategy="no")
    trainer.compute_metrics = broken
    trainer.add_callback(StabilityCallback(trainer, "adamw", "toy", folder=tmp_path / "runs"))
    with pytest.warns(UserWarning, match=r"the run was not recorded: KeyError: 'no such label'"):
        trainer.train()
    assert not (tmp_path / "runs").exists()


def test_a_report_among_the_metrics_costs_no_record(tmp_path: Path) -> None:
    trainer = trainer_of(model_of("bert"), tmp_path, num_train_epochs=1, eval_strategy="no")
    trainer.compute_metrics = lambda output: {"report": "precision recall", "confusion": [[1, 2], [3, 4]]}
    trainer.add_callback(StabilityCallback(trainer, "adamw", "toy", folder=tmp_path / "runs"))
    trainer.train()
    assert (tmp_path / "runs").is_dir()
