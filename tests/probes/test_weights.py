"""Runs with weights: kept ones, or trained again without touching what is recorded."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from stabbench.execution.settings import Settings
from stabbench.execution.weights import runs_with_weights
from stabbench.files import read_json, sha256_of_json, write_json
from stabbench.models.tensor_files import read_tensors
from stabbench.plan import Cell
from stabbench.records import Store


def cell(strategy: str = "mosbach") -> Cell:
    return Cell.read(Path("plan/embedded/acceptability") / f"{strategy}.json")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("project")
def test_a_run_without_weights_is_trained_again_and_its_record_stays_as_it_is() -> None:
    store = Store(Path(".stabbench/runs"))
    folder = store.folder(cell().fingerprint(2))
    before = contents(folder)
    (run,) = runs_with_weights(cell(), [2], store, Settings(), Path())
    assert run.same_result
    assert run.kept.folder == folder / "weights"
    after = contents(folder)
    assert {name: after[name] for name in before} == before
    assert {name.split("/")[0] for name in after.keys() - before.keys()} == {"weights"}


@pytest.mark.usefixtures("project")
def test_kept_weights_are_not_trained_a_second_time() -> None:
    store = Store(Path(".stabbench/runs"))
    (first,) = runs_with_weights(cell(), [1], store, Settings(), Path())
    file = first.kept.folder / "model.safetensors"
    written = file.stat().st_mtime_ns
    (again,) = runs_with_weights(cell(), [1], store, Settings(), Path())
    assert (again.kept.folder / "model.safetensors").stat().st_mtime_ns == written


@pytest.mark.usefixtures("project")
def test_weights_of_a_run_that_comes_out_differently_lie_apart_and_say_so() -> None:
    store = Store(Path(".stabbench/runs"))
    folder = store.folder(cell().fingerprint(1))
    recorded = read_json(folder / "record.json")
    recorded |= {"result_digest": "0" * 64, "status": "failed"}
    del recorded["seal"]
    write_json(folder / "record.json", {**recorded, "seal": sha256_of_json(recorded)})
    before = contents(folder)
    (run,) = runs_with_weights(cell(), [1], store, Settings(), Path())
    assert not run.same_result
    assert (run.record.status, run.kept.status) == ("failed", "ok")
    assert contents(folder) == before
    (again,) = runs_with_weights(cell(), [1], store, Settings(), Path())
    assert again.kept == run.kept
    assert store.finished(cell().fingerprint(1)) is not None


@pytest.mark.usefixtures("project")
def test_several_runs_come_in_the_order_that_was_asked_for() -> None:
    runs = runs_with_weights(cell("devlin"), [2, 1], Store(Path(".stabbench/runs")), Settings(), Path())
    assert [run.seed for run in runs] == [2, 1]
    first, second = (read_tensors(run.kept.folder)["classifier.weight"] for run in runs)
    assert not torch.equal(first, second)
