"""Weights of a run that diverged are kept for nobody, and nobody is offered those that an older version kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from mlflow import MlflowClient
from safetensors.torch import load_file, save_file

from stabbench.cli import main
from stabbench.execution.outcome import already_there
from stabbench.execution.settings import Settings
from stabbench.execution.weights import runs_with_weights
from stabbench.files import sha256_of_file, write_json
from stabbench.plan import Cell
from stabbench.records import Record, Store
from stabbench.records.dead_weights import DEAD, DeadWeightsError, reason_in
from tests.tiny import PROJECT
from tests.tracking.databases import put_empty_database

PARAMS = f"""seeds: 1-1
keep_weights: [1]{PROJECT.replace("[devlin]", "[boom, devlin, mosbach]")}strategies:
  boom: {{plugin: devlin-bc, recipe: {{learning_rate: 1.0e+30, max_grad_norm: 0}}}}
  devlin: {{plugin: devlin, recipe: {{learning_rate: 1.0e-9}}}}
  mosbach: {{plugin: mosbach, recipe: {{learning_rate: 1.0e-2, batch_size: 4}}}}
probes:
  surface: {{points: 2, examples: 8}}
  of-boom: {{probe: surface, points: 2, examples: 8, failed: {{strategy: boom, seed: 1}}}}
"""
STORE = Path(".stabbench/runs")


def run(*command: str) -> Result:
    return CliRunner().invoke(main, list(command))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A project with a diverged, a failed and a sound run, weights of all of them asked for; what `track` said."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "params.yaml").write_text(PARAMS)
    put_empty_database(folder)
    with pytest.MonkeyPatch.context() as patch:
        enter(folder, patch)
        for command in (["prepare"], ["pretrain"], ["plan"], ["train", "--workers", "1"], ["track"]):
            result = run(*command)
            assert result.exit_code == 0, result.output
    return folder, result.output


@pytest.fixture
def project(trained: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    shutil.copytree(trained[0], folder)
    enter(folder, monkeypatch)
    return folder


def enter(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.chdir(folder)
    for name in ("STABBENCH_STORE", "STABBENCH_WORKERS", "STABBENCH_DEVICE", "DVC_STAGE", "MLFLOW_TRACKING_URI"):
        patch.delenv(name, raising=False)


def models() -> list[str]:
    """Names of the logged models of the project's database."""
    client = MlflowClient(tracking_uri=f"sqlite:///{Path('mlflow.db').resolve()}")
    experiment = client.get_experiment_by_name("stabbench/test")
    assert experiment is not None
    return sorted(model.name for model in client.search_logged_models([experiment.experiment_id]))


def track_as_an_older_version(strategy: str) -> None:
    """Leave the run of seed 1 with a model of which nobody has looked whether it lives."""
    client = MlflowClient(tracking_uri=f"sqlite:///{Path('mlflow.db').resolve()}")
    experiment = client.get_experiment_by_name("stabbench/test")
    assert experiment is not None
    condition = f"tags.`stabbench.fingerprint` = '{record(strategy).fingerprint}'"
    (logged,) = client.search_runs([experiment.experiment_id], condition)
    if "stabbench.finite_model" in logged.data.tags:
        client.delete_tag(logged.info.run_id, "stabbench.finite_model")
        return
    name = f"embedded-acceptability-{strategy}-seed-1"
    model = client.create_logged_model(experiment.experiment_id, name=name, source_run_id=logged.info.run_id)
    client.finalize_logged_model(model.model_id, "READY")
    client.set_tag(logged.info.run_id, "stabbench.logged_model", model.model_id)


def cell(strategy: str) -> Cell:
    return Cell.read(Path(f"plan/embedded/acceptability/{strategy}.json"))


def record(strategy: str, seed: int = 1) -> Record:
    found = Store(STORE).finished(cell(strategy).fingerprint(seed))
    assert found is not None
    return found


def harm(folder: Path, dtype: torch.dtype = torch.float32) -> None:
    """One NaN among kept weights, with hashes that hold, as an older version wrote them."""
    tensors = load_file(folder / "model.safetensors")
    tensors["classifier.weight"] = tensors["classifier.weight"].to(dtype)
    tensors["classifier.weight"].view(-1)[-1] = float("nan")
    save_file(tensors, folder / "model.safetensors")
    names = [path.name for path in folder.iterdir() if path.name != "hashes.json"]
    write_json(folder / "hashes.json", {name: sha256_of_file(folder / name) for name in names})


@pytest.mark.usefixtures("project")
def test_a_diverged_runs_weights_are_not_kept_and_their_place_says_why() -> None:
    dead = record("boom")
    assert dead.status == "diverged"
    assert dead.weights is None
    assert sorted(path.name for path in (dead.folder / "weights").iterdir()) == [DEAD, "hashes.json"]
    said = json.loads((dead.folder / "weights" / DEAD).read_text())["reason"]
    assert said == f"the run diverged at update {dead.result.diverged_at}"
    assert record("devlin").weights is not None


@pytest.mark.usefixtures("project")
def test_a_diverged_run_is_not_trained_again_and_again_for_weights_that_cannot_be() -> None:
    assert run("train").output.count("0 trained, 1 already there") == 3
    shutil.rmtree(record("boom").folder / "weights")
    assert run("train").output.count("0 trained, 1 already there") == 3


@pytest.mark.usefixtures("project")
def test_no_model_of_a_diverged_run_is_logged_and_track_says_so(trained: tuple[Path, str]) -> None:
    assert models() == ["embedded-acceptability-devlin-seed-1", "embedded-acceptability-mosbach-seed-1"]
    at = record("boom").result.diverged_at
    assert f"no model of embedded/acceptability/boom seed 1: the run diverged at update {at}" in trained[1]


@pytest.mark.parametrize("strategy", ["boom", "mosbach"])
@pytest.mark.usefixtures("project")
def test_dead_weights_that_an_older_version_kept_are_refused_and_their_model_is_withdrawn(strategy: str) -> None:
    folder = record(strategy).folder / "weights"
    if strategy == "boom":
        shutil.rmtree(folder)
        shutil.copytree(record("devlin").folder / "weights", folder)
    harm(folder)
    track_as_an_older_version(strategy)
    assert f"embedded-acceptability-{strategy}-seed-1" in models()
    result = run("track")
    assert result.exit_code == 0, result.output
    assert f"no model of embedded/acceptability/{strategy} seed 1: " in result.output
    assert f"embedded-acceptability-{strategy}-seed-1" not in models()
    store = Store(STORE)
    assert store.weights(record(strategy)) is None
    with pytest.raises(DeadWeightsError, match=rf"{strategy} seed 1 has no weights to work with: "):
        runs_with_weights(cell(strategy), [1], store, Settings(), Path())
    assert already_there(cell(strategy), 1, store) is not None


@pytest.mark.usefixtures("project")
def test_a_probe_of_a_diverged_run_says_so_in_a_sentence() -> None:
    result = run("probe", "of-boom", "--workers", "1")
    assert result.exit_code == 0, result.output
    reason = json.loads(Path("probes/of-boom/probe.json").read_text())["reason"]
    assert reason.startswith("boom seed 1 is not a failed run of embedded on acceptability: it diverged and left no")


@pytest.mark.usefixtures("project")
def test_a_probe_whose_runs_left_dead_weights_says_so_in_a_sentence() -> None:
    harm(record("mosbach").folder / "weights")
    result = run("probe", "surface", "--workers", "1")
    assert result.exit_code == 0, result.output
    said = json.loads(Path("probes/surface/probe.json").read_text())
    assert said["reason"] == (
        "embedded/acceptability/mosbach seed 1 has no weights to work with: "
        "classifier.weight holds values that are not finite numbers."
    )
    assert said["tables"] == []


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_one_value_that_is_not_finite_is_found_in_every_precision(tmp_path: Path, dtype: torch.dtype) -> None:
    save_file({"a": torch.ones(3, dtype=dtype), "ids": torch.arange(4)}, tmp_path / "model.safetensors")
    assert reason_in(tmp_path) is None
    save_file({"a": torch.tensor([1, float("-inf"), 2], dtype=dtype)}, tmp_path / "model.safetensors")
    assert reason_in(tmp_path) == "a holds values that are not finite numbers"


@pytest.mark.parametrize("content", [b"", b"\xff" * 20, b"\x02\x00\x00\x00\x00\x00\x00\x00{}"])
def test_a_file_that_is_no_safetensors_is_not_taken_for_dead_weights(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    assert reason_in(tmp_path) is None
