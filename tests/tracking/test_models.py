"""Kept weights as logged models that load back offline."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import mlflow
import pandas as pd
import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities import LoggedModel
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

import stabbench
from stabbench.plan import Cell, Spec
from stabbench.records import SelectedCell
from stabbench.tracking import TrackingOutcome, bring_up_to_date
from tests.analysis.synthetic import SyntheticCell, write_runs
from tests.tracking.processes import Server


class LegacyCell(SyntheticCell):
    """A cell whose segment ids were all zero in training."""

    def plan(self) -> Cell:
        """The cell as the plan would hold it."""
        cell = super().plan()
        recipe = {**cell.spec["recipe"], "legacy_segments": True}
        return dataclasses.replace(cell, spec=Spec(cell.spec, recipe=recipe))


Track = Callable[..., TrackingOutcome]
PAIRS = [("a b c", "c d"), ("d", "a a b"), ("a b c d a b c d", "d c b a"), ("b", "c")]


@pytest.fixture
def cell(runs: Path) -> SelectedCell:
    return write_runs(runs, [SyntheticCell([0.2, 0.3])])[0]


@pytest.fixture
def store(runs: Path) -> Path:
    return runs.parent / f"{runs.name}-store"


def write_weights(folder: Path, *, tokenizer: bool = True) -> BertForSequenceClassification:
    """A random two-layer BERT over a vocabulary of nine pieces, saved as a Hugging Face folder."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=9, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=32, initializer_range=1.0,
    )  # fmt: skip
    model = BertForSequenceClassification(config)
    model.train(False)
    model.save_pretrained(folder)
    if tokenizer:
        pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "d"]
        words = Tokenizer(models.WordPiece({piece: number for number, piece in enumerate(pieces)}, unk_token="[UNK]"))
        words.normalizer = normalizers.BertNormalizer()
        words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        words.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
        names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
        PreTrainedTokenizerFast(tokenizer_object=words, **names).save_pretrained(folder)
    return model


def direct_logits(model: BertForSequenceClassification, legacy_segments: bool = False) -> torch.Tensor:
    """The model's logits of PAIRS, one at a time, from ids written out by hand."""
    numbers = {"a": 5, "b": 6, "c": 7, "d": 8}
    rows = []
    for first, second in PAIRS:
        head, tail = (
            [2, *(numbers[word] for word in first.split()), 3],
            [*(numbers[word] for word in second.split()), 3],
        )
        segments = [0] * len(head) + [0 if legacy_segments else 1] * len(tail)
        with torch.inference_mode():
            rows.append(model(torch.tensor([head + tail]), token_type_ids=torch.tensor([segments])).logits[0])
    return torch.stack(rows)


def logged_models(uri: str) -> list[LoggedModel]:
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("stabbench/demo")
    assert experiment is not None
    return list(client.search_logged_models([experiment.experiment_id]))


def weights_folder(store: Path, cell: SelectedCell, seed: int) -> Path:
    fingerprint = cell.records[seed].fingerprint
    return store / fingerprint[:2] / fingerprint / "weights"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)


@pytest.mark.usefixtures("offline")
def test_kept_weights_load_back_as_a_pyfunc_that_gives_the_logits_of_the_model_itself(
    cell: SelectedCell, store: Path, track: Track, uri: str
) -> None:
    model = write_weights(weights_folder(store, cell, seed=2))
    outcome = track(store=store)
    assert outcome.complete, outcome.line()
    assert outcome.models == 1
    (logged,) = logged_models(uri)
    assert logged.tags["stabbench.fingerprint"] == cell.records[2].fingerprint
    loaded = mlflow.pyfunc.load_model(f"models:/{logged.model_id}")
    predicted = loaded.predict(pd.DataFrame(PAIRS, columns=["text_a", "text_b"]))
    expected = direct_logits(model)
    torch.testing.assert_close(torch.tensor(predicted["logits"].tolist()), expected, atol=1e-5, rtol=0)
    assert predicted["prediction"].tolist() == expected.argmax(1).tolist()
    assert predicted["label"].tolist() == [["no", "yes"][row] for row in expected.argmax(1).tolist()]
    single = loaded.predict(pd.DataFrame({"text_a": ["a b", "c"]}))
    assert len(single) == 2

    assert loaded.metadata.signature.inputs.input_names() == ["text_a", "text_b"]
    assert loaded.metadata.signature.outputs.input_names() == ["prediction", "label", "logits"]
    assert len(loaded.predict(loaded.input_example)) == 1


@pytest.mark.usefixtures("offline")
def test_a_model_of_a_team_server_loads_back_over_http_and_gives_the_recorded_predictions(
    runs: Path, store: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cell,) = write_runs(runs, [SyntheticCell([0.4, 0.3])])
    model = write_weights(weights_folder(store, cell, seed=1))
    outcome = bring_up_to_date(runs, preset="demo", tracking_uri=server.uri, store=store)
    assert outcome.complete, outcome.line()
    assert outcome.models == 1
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    (logged,) = logged_models(server.uri)
    assert logged.artifact_location.startswith("mlflow-artifacts:")
    loaded = mlflow.pyfunc.load_model(f"models:/{logged.model_id}")
    expected = direct_logits(model)
    predicted = loaded.predict(pd.DataFrame(PAIRS, columns=["text_a", "text_b"]))
    torch.testing.assert_close(torch.tensor(predicted["logits"].tolist()), expected, atol=1e-5, rtol=0)
    assert predicted["prediction"].tolist() == expected.argmax(1).tolist()
    assert loaded.metadata.signature.inputs.input_names() == ["text_a", "text_b"]
    assert loaded.input_example is not None


@pytest.mark.usefixtures("offline")
def test_a_model_trained_with_legacy_segments_predicts_with_them(
    runs: Path, store: Path, track: Track, uri: str
) -> None:
    cell = write_runs(runs, [LegacyCell([0.2])])[0]
    model = write_weights(weights_folder(store, cell, seed=1))
    assert track(store=store).complete
    predicted = mlflow.pyfunc.load_model(f"models:/{logged_models(uri)[0].model_id}").predict(
        pd.DataFrame(PAIRS, columns=["text_a", "text_b"])
    )
    found = torch.tensor(predicted["logits"].tolist())
    torch.testing.assert_close(found, direct_logits(model, legacy_segments=True), atol=1e-5, rtol=0)
    assert not torch.allclose(found, direct_logits(model), atol=1e-3)


def test_a_logged_model_holds_code_and_safetensors_and_no_pickle(
    cell: SelectedCell, store: Path, track: Track, uri: str
) -> None:
    write_weights(weights_folder(store, cell, seed=1))
    track(store=store)
    folder = Path(logged_models(uri)[0].artifact_location.removeprefix("file://"))
    endings = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert ".safetensors" in endings
    assert endings <= {".safetensors", ".json", ".py", ".yaml", ".txt", ""}
    flavor = mlflow.models.Model.load(str(folder)).flavors["python_function"]
    assert "python_model" not in flavor
    assert flavor["model_code_path"] == "classifier.py"


def test_a_logged_model_does_not_say_where_it_lay_on_this_machine(
    cell: SelectedCell, store: Path, track: Track, uri: str
) -> None:
    write_weights(weights_folder(store, cell, seed=1))
    track(store=store)
    folder = Path(logged_models(uri)[0].artifact_location.removeprefix("file://"))
    texts = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".safetensors"]
    found = [path.name for path in texts if str(store.parent) in path.read_text(encoding="utf-8")]
    found += [path.name for path in texts if str(Path(stabbench.__file__).parent) in path.read_text(encoding="utf-8")]
    assert found == []


def test_weights_that_come_later_are_logged_with_the_run_that_is_there_and_only_once(
    cell: SelectedCell, store: Path, track: Track, uri: str
) -> None:
    assert track(store=store).models == 0
    write_weights(weights_folder(store, cell, seed=1))
    assert track(store=store, models=False).models == 0
    second, third = track(store=store), track(store=store)
    assert (second.logged, second.found, second.models) == (0, 2, 1)
    assert third.models == 0
    assert len(logged_models(uri)) == 1


def test_a_model_that_an_interrupted_call_left_unfinished_is_replaced(
    cell: SelectedCell, store: Path, track: Track, uri: str
) -> None:
    track(store=store)
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("stabbench/demo")
    assert experiment is not None
    condition = f"tags.`stabbench.fingerprint` = '{cell.records[1].fingerprint}'"
    (run,) = client.search_runs([experiment.experiment_id], condition)
    half = client.create_logged_model(experiment.experiment_id, name="half", source_run_id=run.info.run_id)
    write_weights(weights_folder(store, cell, seed=1))
    assert track(store=store).models == 1
    (logged,) = logged_models(uri)
    assert logged.model_id != half.model_id
    assert str(logged.status) == "READY"


def test_weights_without_a_tokenizer_are_named_and_the_run_is_logged_without_them(
    cell: SelectedCell, store: Path, track: Track, uri: str
) -> None:
    write_weights(weights_folder(store, cell, seed=1), tokenizer=False)
    outcome = track(store=store)
    assert outcome.logged == 2
    assert outcome.missing == [f"{cell.cell.name} seed 1 (model)"]
    assert "no tokenizer beside the weights" in outcome.line()
    assert logged_models(uri) == []
