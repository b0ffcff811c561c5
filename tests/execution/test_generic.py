"""From a folder in the hub's layout to records: models of our own encoder and of Hugging Face's own modules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DebertaV2Config,
    DebertaV2Model,
    DistilBertConfig,
    DistilBertModel,
    ElectraConfig,
    ElectraForPreTraining,
)

from stabbench.cli import main
from stabbench.models.word_pieces import write_word_pieces
from stabbench.plan import Cell
from stabbench.records import Record, Store
from stabbench.tasks import embedded
from stabbench.tasks.prepared import PreparedTask

KINDS = ["electra", "distilbert", "deberta-v2"]
PARAMS = """
preset: test
seeds: 1-2
keep_weights: [2]
grid: {models: [electra, distilbert, deberta-v2], tasks: [acceptability], strategies: [devlin, mixout]}
models:
  electra: {source: ./electra, learning_rate: 1.0e-3}
  distilbert: {source: ./distilbert, learning_rate: 1.0e-3}
  deberta-v2: {source: ./deberta-v2, learning_rate: 1.0e-3}
tasks:
  acceptability: {dataset: acceptability, train_size: 48, dev_size: 32}
strategies:
  devlin: {plugin: devlin, recipe: {dropout: 0.2}}
  mixout: {plugin: mixout}
"""


def write_model(folder: Path, config_class: Any, model_class: Any, **own: Any) -> None:
    """A small pretrained model with the grammar's tokenizer."""
    size = write_word_pieces(folder, embedded.vocabulary(), 64)
    config = config_class(vocab_size=size, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, **own)
    torch.manual_seed(0)
    model_class(config).save_pretrained(folder)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("STABBENCH_STORE", "STABBENCH_WORKERS", "STABBENCH_DEVICE", "DVC_STAGE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS)
    sizes = {"embedding_size": 8, "intermediate_size": 32, "max_position_embeddings": 128}
    write_model(tmp_path / "electra", ElectraConfig, ElectraForPreTraining, **sizes)
    write_model(tmp_path / "distilbert", DistilBertConfig, DistilBertModel, hidden_dim=32)
    relative = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False}
    write_model(
        tmp_path / "deberta-v2", DebertaV2Config, DebertaV2Model, intermediate_size=32, type_vocab_size=0, **relative
    )
    assert run("prepare").exit_code == 0
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def record(model: str, strategy: str, seed: int, store: str = ".stabbench/runs") -> Record:
    cell = Cell.read(Path("plan") / model / "acceptability" / f"{strategy}.json")
    found = Store(Path(store)).find(cell.fingerprint(seed))
    assert found is not None
    return found


def test_a_grid_of_both_trains_and_its_records_load_in_hugging_face(folder: Path) -> None:
    assert run("plan").exit_code == 0
    result = run("train", "--all", "--workers", "1")
    assert result.exit_code == 0, result.output
    for kind in KINDS:
        for strategy in ("devlin", "mixout"):
            found = record(kind, strategy, 2)
            assert found.spec.model.architecture == kind
            assert found.weights is not None
            model: Any = AutoModelForSequenceClassification.from_pretrained(found.weights).eval()
            assert model.config.id2label == {0: "unacceptable", 1: "acceptable"}
            tokenizer = AutoTokenizer.from_pretrained(found.weights)
            texts = list(PreparedTask.read(Path("data/acceptability")).dev["text_a"][:3])
            for text, logits in zip(texts, found.predictions()["logits"], strict=False):
                encoded = tokenizer(text, return_tensors="pt", return_token_type_ids=kind == "electra")
                assert model(**encoded).logits[0].tolist() == pytest.approx(list(logits), abs=1e-5)


def test_seeds_that_are_to_be_stacked_are_trained_one_by_one_with_the_same_result(folder: Path) -> None:
    for store, settings in (("one", ("--workers", "1")), ("two", ("--workers", "2", "--stacked-seeds", "2"))):
        result = run("train", "--model", "deberta-v2", "--strategy", "devlin", "--store", store, *settings)
        assert result.exit_code == 0, result.output
    for seed in (1, 2):
        one, two = (record("deberta-v2", "devlin", seed, store) for store in ("one", "two"))
        assert one.result.result_digest == two.result.result_digest
        assert json.loads((two.folder / "provenance.json").read_text())["stacked_seeds"] == 1


def test_a_decoder_is_refused_when_planning(folder: Path) -> None:
    config = folder / "electra/config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"model_type": "gpt2"}))
    result = run("plan")
    assert result.exit_code == 2
    assert "'gpt2' models cannot be fine-tuned here: it is a decoder" in " ".join(result.output.split())
