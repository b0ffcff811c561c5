"""What older versions wrote is read to the same values: committed records, and plan files of schema 1."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stabbench.files import sha256_of_json, write_json
from stabbench.plan import Cell
from stabbench.plan_migrations import by_name
from stabbench.records import Record, UnreadableRecordError, read_head
from tests.test_plan import cell
from tests.typed import of_schema_1, record_content

COMMITTED = sorted((Path(__file__).parent.parent / "reports").rglob("record.json"))


def test_every_committed_record_is_read_to_the_values_that_were_written() -> None:
    assert len(COMMITTED) > 250
    for path in COMMITTED:
        written = json.loads(path.read_text(encoding="utf-8"))
        read = Record.read(path.parent).content.to_json()
        assert json.loads(json.dumps(read)) == {
            key: value for key, value in written.items() if key not in ("schema_version", "seal")
        }, path


def test_records_that_name_the_same_tensors_hold_them_once() -> None:
    first, second = (Record.read(path.parent).result.parameter_groups for path in COMMITTED[:2])
    assert first[0].tensors == second[0].tensors
    assert first[0].tensors is second[0].tensors


def lacking(*keys: str) -> Callable[[dict[str, Any]], object]:
    """A change that takes away what lies at these keys, one in the other."""

    def change(data: Any) -> None:
        for key in keys[:-1]:
            data = data[key]
        del data[keys[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lacking("final", "scores"), "final.scores is absent"),
        (lacking("result_digest"), "result_digest is absent"),
        (lambda data: data["cost"].update(steps="ten"), "cost.steps is 'ten', expected a whole number"),
        (lambda data: data["final"]["scores"].update(mcc=None), "final.scores.mcc is None, expected a number"),
        (lambda data: data["flags"].update(collapsed=1), "flags.collapsed is 1, expected true or false"),
        (lambda data: data.update(parameter_groups=[{}]), "parameter_groups.0.learning_rate is absent"),
        (lambda data: data.update(parameter_groups=[[]]), r"parameter_groups.0 is \[\], expected an object"),
        (lambda data: data.update(majority=[1]), r"majority is \[1\], expected an object"),
        (
            lambda data: data.update(status="fine"),
            "status is 'fine', expected one of ok, failed, diverged, unjudged, error",
        ),
        (lambda data: data.update(status="error"), "error is None where status is 'error'"),
        (lambda data: data.update(schema_version=2), r"has schema version 2, readable: \(1,\)"),
    ],
)
def test_what_is_absent_or_strange_in_a_record_is_named_with_its_place(
    change: Callable[[dict[str, Any]], object], said: str, tmp_path: Path
) -> None:
    data = json.loads(json.dumps(record_content(cell(), 1).to_json() | {"schema_version": 1}))
    change(data)
    write_json(tmp_path / "record.json", data | {"seal": sha256_of_json(data)})
    with pytest.raises(UnreadableRecordError, match=rf"record\.json:? {said}"):
        Record.read(tmp_path)


def test_the_head_of_a_record_is_that_of_the_whole_and_lacks_no_key_of_its_result(tmp_path: Path) -> None:
    for path in COMMITTED[:20]:
        assert read_head(path.parent) == dataclasses.replace(Record.read(path.parent).content, result=None)
    data = {**record_content(cell(), 1).to_json(), "schema_version": 1}
    del data["majority"]
    write_json(tmp_path / "record.json", data)
    with pytest.raises(UnreadableRecordError, match="majority is absent"):
        read_head(tmp_path)


def test_a_plan_file_of_schema_1_says_what_the_tensors_of_its_model_are() -> None:
    planned = cell(spec=type(cell().spec)(cell().spec, model={"architecture": "roberta", "content_hash": "0" * 64}))
    read = Cell.from_json(of_schema_1(planned))
    assert read.tensors == by_name("roberta")
    assert read.tensors.of("roberta.encoder.layer.7.intermediate.dense.weight").layer == "layer 8"
    assert read.fingerprint(1) == planned.fingerprint(1)


def test_depths_of_tensors_in_a_plan_file_of_schema_1_become_layers() -> None:
    lines = {
        "m.table.weight": "embedding, 0, decays, ",
        "m.layer.#.q.weight": "attention, #, decays, query",
        "m.layer.1.apart.weight": "attention, 2, decays, apart",
        "m.norm.weight": "layer_norm, 3, spared, ",
        "classifier.weight": "classifier, 3, decays, ",
    }
    read = Cell.from_json(of_schema_1(cell()) | {"tensors": {"layers": 2, "names": lines}}).tensors
    names = ["m.table.weight", "m.layer.1.q.weight", "m.layer.1.apart.weight", "m.norm.weight", "classifier.weight"]
    assert [read.of(name).layer for name in names] == ["embeddings", "layer 2", "layer 2", "pooler", "classifier"]
    assert [read.of(name).part for name in names] == ["", "query", "apart", "", ""]


def test_a_plan_file_of_a_newer_schema_is_refused() -> None:
    with pytest.raises(ValueError, match="its schema version is 3, readable: 1, 2"):
        Cell.from_json(cell().to_json() | {"schema_version": 3})
