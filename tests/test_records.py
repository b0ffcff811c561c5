"""The store writes a record whole or not at all and verifies it when it is read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from stabbench.errors import UserError
from stabbench.plan import Cell, Spec
from stabbench.records import Record, Selection, Store, adopt_selection, seed_folder, select
from stabbench.records.store import write_table
from tests.test_plan import cell
from tests.typed import record_content

TABLE = pd.DataFrame({"step": [1, 2], "train_loss": [0.7, 0.6]})


def write(store: Store, of: Cell, seed: int, **data: Any) -> Record:
    return store.write(record_content(of, seed, **data), {"device": "cpu"}, {"history.parquet": TABLE})


def warned_store(root: Path) -> tuple[Store, list[str]]:
    warnings: list[str] = []
    return Store(root, warnings.append), warnings


def test_a_written_record_is_found_with_its_tables(tmp_path: Path) -> None:
    store, warnings = warned_store(tmp_path)
    write(store, cell(), 1, result_digest="d")
    record = store.find(cell().fingerprint(1))
    assert record is not None
    assert record.result.result_digest == "d"
    assert record.history().equals(TABLE)
    assert store.find(cell().fingerprint(2)) is None
    assert not warnings


def test_a_table_with_its_numbers_in_streams_of_bytes_is_smaller_and_the_same(tmp_path: Path) -> None:
    norms = np.random.default_rng(0).lognormal(size=4000)
    table = pd.DataFrame({"step": np.arange(4000) // 40, "parameter": ["a", "b"] * 2000, "norm": norms})
    table["parameter"] = table["parameter"].astype("category")
    write_table(tmp_path / "ours.parquet", table)
    table.to_parquet(tmp_path / "plain.parquet", index=False, compression="zstd")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "ours.parquet"), table)
    columns = pq.ParquetFile(tmp_path / "ours.parquet").metadata.row_group(0)
    assert ["BYTE_STREAM_SPLIT" in columns.column(place).encodings for place in range(3)] == [False, False, True]
    assert (tmp_path / "ours.parquet").stat().st_size < 0.9 * (tmp_path / "plain.parquet").stat().st_size


@pytest.mark.parametrize("file", ["record.json", "history.parquet"])
@pytest.mark.parametrize("harm", ["truncate", "flip", "remove"])
def test_a_harmed_record_is_named_and_moved_aside(file: str, harm: str, tmp_path: Path) -> None:
    store, warnings = warned_store(tmp_path)
    path = write(store, cell(), 1, result_digest="d").folder / file
    content = bytearray(path.read_bytes())
    if harm == "truncate":
        path.write_bytes(content[: len(content) // 2])
    elif harm == "flip":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    else:
        path.unlink()
    assert store.find(cell().fingerprint(1)) is None
    assert len(warnings) == 1
    assert file in warnings[0]
    assert "trained again" in warnings[0]
    assert not store.folder(cell().fingerprint(1)).exists()
    assert list((tmp_path / ".corrupt").iterdir())


def test_the_first_finished_writer_wins(tmp_path: Path) -> None:
    store, _ = warned_store(tmp_path)
    write(store, cell(), 1, result_digest="first")
    assert write(store, cell(), 1, result_digest="second").result.result_digest == "first"


def test_an_error_is_replaced_and_never_counts_as_finished(tmp_path: Path) -> None:
    store, _ = warned_store(tmp_path)
    write(store, cell(), 1, status="error")
    assert store.finished(cell().fingerprint(1)) is None
    write(store, cell(), 1)
    assert store.finished(cell().fingerprint(1)) is not None


def test_nothing_is_left_behind_when_writing_fails(tmp_path: Path) -> None:
    store, _ = warned_store(tmp_path)
    with pytest.raises(ValueError, match="JSON"):
        write(store, cell(), 1, majority={"mcc": float("nan")})
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_a_selection_is_exactly_the_seeds_of_the_plan(tmp_path: Path) -> None:
    store, _ = warned_store(tmp_path / "store")
    for seed in (1, 2, 3):
        write(store, cell(), seed)
    select(cell(), store, tmp_path / "runs")
    fewer = select(cell(seeds=(1, 3)), store, tmp_path / "runs")
    assert sorted(fewer.records) == [1, 3]
    (read,) = Selection.read(tmp_path / "runs").cells
    assert sorted(read.records) == [1, 3]
    assert read.missing == []


def test_missing_runs_and_errors_are_missing_from_a_selection(tmp_path: Path) -> None:
    store, _ = warned_store(tmp_path / "store")
    write(store, cell(), 1)
    write(store, cell(), 2, status="error")
    assert select(cell(), store, tmp_path / "runs").missing == [2, 3]


def test_a_selection_with_a_foreign_record_is_refused(tmp_path: Path) -> None:
    store, _ = warned_store(tmp_path / "store")
    for seed in (1, 2, 3):
        write(store, cell(), seed)
    select(cell(), store, tmp_path / "runs")
    folder = tmp_path / "runs/embedded/acceptability/devlin"
    shutil.rmtree(folder / seed_folder(1))
    shutil.copytree(folder / seed_folder(2), folder / seed_folder(1))
    with pytest.raises(UserError, match=r"seed-0001 is not the run"):
        Selection.read(tmp_path / "runs")


def test_records_brought_from_elsewhere_are_adopted_before_anything_is_trained(tmp_path: Path) -> None:
    first, _ = warned_store(tmp_path / "first")
    for seed in (1, 2):
        write(first, cell(), seed)
    select(cell(), first, tmp_path / "runs")
    second, warnings = warned_store(tmp_path / "second")
    harmed = tmp_path / "runs/embedded/acceptability/devlin" / seed_folder(2) / "record.json"
    data = json.loads(harmed.read_text())
    harmed.write_text(json.dumps({**data, "status": "failed"}))
    adopt_selection(cell(), second, tmp_path / "runs")
    assert second.finished(cell().fingerprint(1)) is not None
    assert second.find(cell().fingerprint(2)) is None
    assert "not taken into the store" in warnings[0]


def test_a_selected_record_of_another_specification_goes_into_the_store_before_its_seed_is_replaced(
    tmp_path: Path,
) -> None:
    """Both specifications have the seed, and the store, made anew, lacks what was computed for the older one."""
    before, after = cell(), cell(spec=Spec(cell().spec | {"training_version": 2}))
    first, _ = warned_store(tmp_path / "first")
    write(first, before, 1, result_digest="computed")
    select(before, first, tmp_path / "runs")
    second, warnings = warned_store(tmp_path / "second")
    write(second, after, 1)
    selected = select(after, second, tmp_path / "runs")
    assert selected.records[1].fingerprint == after.fingerprint(1)
    kept = second.finished(before.fingerprint(1))
    assert kept is not None
    assert kept.result.result_digest == "computed"
    assert not warnings


@pytest.mark.parametrize("status", [None, "error"])
def test_a_selected_record_that_the_store_lacks_stays_selected_and_goes_into_the_store(
    status: str | None, tmp_path: Path
) -> None:
    first, _ = warned_store(tmp_path / "first")
    write(first, cell(), 1, result_digest="computed")
    select(cell(), first, tmp_path / "runs")
    second, _ = warned_store(tmp_path / "second")
    if status is not None:
        write(second, cell(), 1, status=status)
    (record,) = select(cell(), second, tmp_path / "runs").records.values()
    assert record.result.result_digest == "computed"
    assert record.history().equals(TABLE)
    assert second.finished(cell().fingerprint(1)) is not None


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store, _ = warned_store(tmp_path / "file" / "store")
    with pytest.raises(UserError, match="cannot write to"):
        write(store, cell(), 1)


def test_cells_that_are_no_longer_planned_are_left_out_of_a_selection(tmp_path: Path) -> None:
    store, _ = warned_store(tmp_path / "store")
    for strategy in ("devlin", "mosbach"):
        write(store, cell(strategy=strategy), 1)
        select(cell(strategy=strategy, seeds=(1,)), store, tmp_path / "runs")
    cell(strategy="mosbach").write(tmp_path / "plan/embedded/acceptability/mosbach.json")
    planned = Selection.read(tmp_path / "runs", plan=tmp_path / "plan")
    assert [selected.cell.strategy for selected in planned.cells] == ["mosbach"]
    assert len(Selection.read(tmp_path / "runs").cells) == 2


def with_weights(store: Store, digest: str) -> Record:
    def weights(folder: Path) -> None:
        folder.mkdir()
        (folder / "model.safetensors").write_text(digest)

    return store.write(record_content(cell(), 1, result_digest=digest), {}, {"history.parquet": TABLE}, weights)


def test_weights_are_added_to_a_finished_record_that_stays_as_it_is(tmp_path: Path) -> None:
    store, _ = warned_store(tmp_path)
    before = write(store, cell(), 1, result_digest="d")
    assert store.weights(before) is None
    after = with_weights(store, "d")
    assert after.content == before.content
    kept = store.weights(after)
    assert kept is not None
    assert (kept.folder, kept.result_digest) == (after.weights, "d")


def test_weights_of_another_result_never_lie_in_the_record(tmp_path: Path) -> None:
    store, _ = warned_store(tmp_path)
    record = write(store, cell(), 1, result_digest="first")
    with_weights(store, "second")
    kept = store.weights(record)
    assert kept is not None
    assert kept.result_digest == "second"
    assert record.weights is None
    with_weights(store, "third")
    assert store.weights(record) == kept
