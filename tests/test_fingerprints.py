"""A fingerprint, once given, is that of the same run for ever: results that are there are found again."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from stabbench.cli import main
from stabbench.files import sha256_of_json
from stabbench.plan import read_plan
from stabbench.records import Record

RECORDS = Path(__file__).parent.parent / "reports/minilm/records"
COMMITTED = sorted(RECORDS.parent.rglob("record.json"))


def test_a_committed_records_fingerprint_is_that_of_its_spec() -> None:
    assert len(COMMITTED) > 250
    for path in COMMITTED:
        data = json.loads(path.read_text(encoding="utf-8"))
        assert sha256_of_json(data["spec"]) == data["fingerprint"] == path.parent.name


def test_a_committed_record_is_read_as_it_was_written() -> None:
    for path in COMMITTED[::25]:
        record = Record.read(path.parent)
        assert record.finished
        assert record.fingerprint == path.parent.name


@pytest.mark.skipif("STABBENCH_GLUE_DIR" not in os.environ, reason="STABBENCH_GLUE_DIR is not set: CoLA is needed")
def test_todays_plan_of_the_committed_project_finds_every_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(RECORDS.parent / "params.yaml", tmp_path)
    for command in ("prepare", "plan"):
        result = CliRunner().invoke(main, [command])
        assert result.exit_code == 0, result.output
    planned = {cell.fingerprint(seed) for cell in read_plan(Path("plan")) for seed in cell.seeds}
    planned |= {cell.fingerprint(seed) for cell in read_plan(Path("plan/studies/ablation")) for seed in cell.seeds}
    assert planned == {path.parent.name for path in RECORDS.rglob("record.json")}
