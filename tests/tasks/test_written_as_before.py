"""Tasks that say nothing of what came later are what they were: the same bytes, so that their runs are found again."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from stabbench.cli import main
from stabbench.files import sha256_of_file

PARAMS = """
seeds: 1-3
grid: {models: [embedded], tasks: [acceptability, tickets, pairs], strategies: [devlin, mosbach]}
tasks:
  acceptability: {dataset: acceptability, train_size: 48, dev_size: 32}
  tickets: {files: {train: train.csv, dev: dev.jsonl}, text: body, label: category}
  pairs:
    {files: {train: train.tsv, dev: dev.tsv}, text: [first, second], label: same, labels: [0, 1],
     metrics: [f1, accuracy]}
  rte: {dataset: rte}
studies: {crossed: {model: embedded, task: acceptability, levels: 2}}
probes: {surface: {points: 5}}
"""
WRITTEN = {
    "data/acceptability/task.json": "0570e1c6a116a2bd4f9e326f2a3416de",
    "data/pairs/task.json": "ee58128972b6a4fd10e782147f9a3b3a",
    "data/tickets/task.json": "2bab02547fbb9ceb57f2fd2a4d0323a3",
    "validated/grid.json": "65772e7a2ad6bc884f8cb10eb1b33586",
    "validated/plan.json": "0985a041f9c001215ec7c4447844c15f",
    "validated/pretraining/embedded.json": "479e517edf9b6627849eb759cd8c80b0",
    "validated/probes/surface.json": "ea9e5b76826e9ea548f23738e293cc39",
    "validated/report.json": "8b975f54d7e5e418ada3002df473ab64",
    "validated/tasks/acceptability.json": "c3341e270b6388d5b9c236122e94867f",
    "validated/tasks/pairs.json": "a00131048ae4e1edfe9a7eb9f28ae7d0",
    "validated/tasks/rte.json": "f43cf75f00f4a90c0453ca502a25407c",
    "validated/tasks/tickets.json": "e20129b2bc38ba74f64ab0f185e2c0a9",
    "validated/track.json": "6b34b2c82eeebc6883999edf2521075d",
}
"""The first half of the SHA-256 of each file, as it was written when there was nothing but classification."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(PARAMS)
    classes = ("hardware", "access", "pay")
    bodies = [f'Ticket {row}, with "marks"\nand lines' if row % 4 == 0 else f"Ticket {row}" for row in range(12)]
    with Path("train.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("body", "category"), *zip(bodies, classes * 4, strict=True)])
    rows = [{"body": f"Dev {row}", "category": classes[row % 3]} for row in range(6)]
    Path("dev.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for split in ("train", "dev"):
        lines = [f"{split} {row}\tother {row % 5}\t{row % 2}\n" for row in range(10)]
        Path(f"{split}.tsv").write_text("first\tsecond\tsame\n" + "".join(lines))
    return tmp_path


def test_tasks_that_were_there_are_written_to_the_byte(project: Path) -> None:
    for command in ("validate", "prepare"):
        result = CliRunner().invoke(main, [command])
        assert result.exit_code == 0, result.output
    paths = [*project.glob("data/*/task.json"), *project.glob("validated/**/*.json")]
    found = {path.relative_to(project).as_posix(): sha256_of_file(path)[:32] for path in paths}
    assert found == WRITTEN
