"""The examples of docs/own-code.md about records run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import Trainer, TrainingArguments

from stabbench.recording.format import Described
from stabbench.recording.output import read_output
from stabbench.records import Selection
from tests.huggingface.test_callback import Texts, model_of

PAGE = (Path(__file__).parents[2] / "docs/own-code.md").read_text(encoding="utf-8")


def example(section: str) -> str:
    """The first block of Python in a section."""
    found = re.search(rf"^## {section}\n.*?^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def test_the_loop_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(example("Record from your own loop"), {})
    slow, fast = Selection.read(Path("runs")).cells
    assert (slow.cell.name, fast.cell.name) == ("linear/toy/sgd-0.03", "linear/toy/sgd-1.0")
    assert [len(cell.records) for cell in (slow, fast)] == [5, 5]
    means = [np.mean([record.score for record in cell.records.values()]) for cell in (slow, fast)]
    assert means[0] < means[1]


def test_the_three_lines_record_a_trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = TrainingArguments("out", max_steps=2, use_cpu=True, report_to="none", disable_tqdm=True)
    names: dict[str, Any] = {"Trainer": Trainer, "arguments": arguments, "model": model_of("bert")}
    exec(example("Three lines in a Trainer script"), {**names, "train": Texts(8, 1), "dev": Texts(8, 2)})
    (cell,) = Selection.read(Path("runs")).cells
    assert cell.cell.name == "BertForSequenceClassification/rte/adamw"
    assert len(cell.records[42].history()) == 2


def test_the_folder_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STABBENCH_OUT", str(tmp_path))
    monkeypatch.setenv("STABBENCH_SEED", "1")
    exec(example("What a folder may hold"), {})
    found = read_output(tmp_path)
    assert found.measured.evaluations[-1].scores == pytest.approx({"accuracy": 0.5, "mcc": 0.0})


def test_the_keys_of_the_format_are_those_of_the_page() -> None:
    table = PAGE.partition("| key |")[2].partition("\n\n")[0]
    first = [row.split("|")[1] for row in table.splitlines() if row.startswith("|")]
    keys = {name for cell in first for name in re.findall(r"`(\w+)`", cell)}
    assert keys | {"format"} == set(vars(Described(1)))
