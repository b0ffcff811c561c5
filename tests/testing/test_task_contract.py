"""Each check catches the task source that breaks it, and no other does; the package's own sources hold them all."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from stabbench.datasets import Dataset
from stabbench.errors import UserError
from stabbench.tasks.prepared import examples_frame
from stabbench.tasks.sources import Labelled, Source, Wanted
from stabbench.testing import TASK_CHECKS, SourceTrial, Suite, TaskContract

LABEL = "task source 'mine' (mine:Mine of my-plugin 1.0)"
KINDS = Dataset("kinds", "Kinds", "own", ("accuracy",), ("animal", "plant"), pair=False)
CALLS = itertools.count()


@dataclass(frozen=True)
class FileOptions:
    file: str = "kinds.txt"


class Good(Source[FileOptions]):
    """A line an example, which begins with the number of its label."""

    Options = FileOptions
    kind = KINDS

    def read(self, options: FileOptions, wanted: Wanted) -> Labelled:
        lines = self.lines(wanted.root / options.file)
        rows = [self.row(number, line) for number, line in enumerate(lines)]
        return Labelled(self.kind, self.frames(rows))

    def lines(self, path: Path) -> list[str]:
        try:
            return path.read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path} cannot be read: {error}") from error

    def row(self, number: int, line: str) -> tuple[int, str, str | None, int]:
        return number, line[2:], None, int(line[0])

    def frames(self, rows: list[Any]) -> dict[str, pd.DataFrame]:
        return {"train": examples_frame(rows[:4]), "dev": examples_frame(rows[4:])}


class HasNoDevSet(Good):
    def frames(self, rows: list[Any]) -> dict[str, pd.DataFrame]:
        return {"train": examples_frame(rows)}


class CallsItsColumnsOtherwise(Good):
    def frames(self, rows: list[Any]) -> dict[str, pd.DataFrame]:
        return {split: frame.rename(columns={"text_a": "text"}) for split, frame in super().frames(rows).items()}


class CountsLabelsFromOne(Good):
    def row(self, number: int, line: str) -> tuple[int, str, str | None, int]:
        return number, line[2:], None, int(line[0]) + 1


class NumbersNothing(Good):
    def row(self, number: int, line: str) -> tuple[int, str, str | None, int]:
        return 0, line[2:], None, int(line[0])


class LosesTheText(Good):
    def row(self, number: int, line: str) -> tuple[int, str, str | None, int]:
        return number, "" if number == 2 else line[2:], None, int(line[0])


class HasAMetricOfItsOwn(Good):
    kind = Dataset("kinds", "Kinds", "own", ("of_its_own",), ("animal", "plant"), pair=False)


class HasAMetricOfNumbers(Good):
    kind = Dataset("kinds", "Kinds", "own", ("pearson",), ("animal", "plant"), pair=False)


class SortsByLabel(Good):
    def frames(self, rows: list[Any]) -> dict[str, pd.DataFrame]:
        return super().frames(sorted(rows, key=lambda row: row[3]))


class Counts(Good):
    def row(self, number: int, line: str) -> tuple[int, str, str | None, int]:
        return number, f"{line[2:]} {next(CALLS)}", None, int(line[0])


class ReadsWhereItIsCalled(Good):
    def lines(self, path: Path) -> list[str]:
        return super().lines(Path(path.name) if path.exists() else path)


class RaisesWhatPythonRaises(Good):
    def lines(self, path: Path) -> list[str]:
        return path.read_text().splitlines()


class MakesDoWithWhatIsThere(Good):
    def lines(self, path: Path) -> list[str]:
        try:
            return super().lines(path)
        except UserError:
            return ["0 a cat", "1 a fern", "0 a dog", "1 an oak", "0 a cow", "1 a rose"]


BROKEN = [
    (HasNoDevSet, "wrong_tables", "it has read train, expected train and dev"),
    (CallsItsColumnsOtherwise, "wrong_tables", "train has the columns example int64, text object,"),
    (CountsLabelsFromOne, "wrong_labels", "train: the label 2 is not an index into ['animal', 'plant']"),
    (NumbersNothing, "wrong_ids", "train has example 0 twice"),
    (LosesTheText, "wrong_texts", "train has no text in text_a of example 2"),
    (HasAMetricOfItsOwn, "wrong_metrics", "its metrics are of_its_own, expected some of accuracy, "),
    (HasAMetricOfNumbers, "wrong_metrics", "metric 'pearson' is of regression, expected one of classification"),
    (SortsByLabel, "several_labels", "dev examples have the label 'plant'"),
    (Counts, "same_bytes_twice", "prepared twice, dev.parquet and task.json and train.parquet differ"),
    (ReadsWhereItIsCalled, "same_from_elsewhere", "called from another folder"),
    (RaisesWhatPythonRaises, "mistakes_are_told", "kinds.txt, taken away: raised FileNotFoundError"),
    (MakesDoWithWhatIsThere, "mistakes_are_told", "kinds.txt, taken away: read as if nothing were wrong"),
]


@pytest.fixture
def suite_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[type[Source[Any]]], Suite[SourceTrial]]:
    (tmp_path / "kinds.txt").write_text("0 a cat\n1 a fern\n0 a dog\n1 an oak\n0 a cow\n1 a rose\n")
    monkeypatch.chdir(tmp_path)
    return lambda source: Suite(LABEL, SourceTrial("mine", source, {"file": "kinds.txt"}, tmp_path))


def test_a_good_source_holds_every_check(suite_of: Callable[[type[Source[Any]]], Suite[SourceTrial]]) -> None:
    verdicts = [suite_of(Good).verdict(check) for check in TASK_CHECKS]
    assert [verdict.message for verdict in verdicts] == [""] * len(TASK_CHECKS)


@pytest.mark.parametrize(("source", "check", "message"), BROKEN, ids=lambda value: getattr(value, "__name__", ""))
def test_a_broken_source_is_caught_by_exactly_the_check_it_breaks(
    source: type[Source[Any]],
    check: str,
    message: str,
    suite_of: Callable[[type[Source[Any]]], Suite[SourceTrial]],
) -> None:
    suite = suite_of(source)
    (found,) = [verdict for each in TASK_CHECKS if (verdict := suite.verdict(each)).holds is False]
    assert found.check.name == check
    assert found.message.startswith(f"{LABEL}: broken is that {found.check.sentence}: ")
    assert message in found.message


def test_every_check_has_a_source_that_breaks_it() -> None:
    assert {check for _, check, _ in BROKEN} == {check.name for check in TASK_CHECKS}


def written(folder: Path) -> Path:
    """Own files, and three sentences a split in the official form of CoLA."""
    (folder / "CoLA").mkdir(parents=True)
    for split in ("train", "dev"):
        rows = [(f"{split} {number}", number % 2) for number in range(6)]
        pd.DataFrame(rows, columns=["body", "kind"]).to_csv(folder / f"{split}.csv", index=False)
        lines = [f"x\t{label}\t\t{text}\n" for text, label in rows]
        (folder / "CoLA" / f"{split}.tsv").write_text("".join(lines))
    return folder


@pytest.mark.parametrize(
    ("source", "options", "wrong"),
    [
        ("files", {"files": {"train": "train.csv", "dev": "dev.csv"}, "text": ["body"], "label": "kind"}, {}),
        ("folder", {"dataset": "cola", "unofficial": True}, {"dataset": "cola"}),
        ("embedded", {"dataset": "paraphrase", "generator": {"train": 40, "dev": 40}}, {"dataset": "rte"}),
    ],
)
def test_the_packages_own_sources_keep_to_the_contract(
    source: str, options: Mapping[str, Any], wrong: Mapping[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = written(tmp_path / "project")
    monkeypatch.setenv("STABBENCH_GLUE_DIR", str(root))
    named = {"source": source, "options": options, "root": root, "wrong": [wrong] if wrong else []}
    contract: type[TaskContract] = type("Own", (TaskContract,), named)
    suite = contract.suite()
    assert [suite.verdict(check).message for check in TASK_CHECKS] == [""] * len(TASK_CHECKS)


class TestEmbedded(TaskContract):
    source = "embedded"
    options = {"dataset": "acceptability", "generator": {"train": 40, "dev": 40}}  # noqa: RUF012
    wrong = ({"dataset": "acceptabilty"},)


def test_pytest_gets_a_test_for_each_check() -> None:
    tests = [name for name in dir(TestEmbedded) if name.startswith("test_")]
    assert len(tests) == len(TASK_CHECKS)
    assert "test_read_twice_it_gives_the_same_bytes" in tests
