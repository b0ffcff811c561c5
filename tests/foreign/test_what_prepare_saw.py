"""Damaged or unsuited data are refused, taken on request, or told: when preparing, when planning and in the report."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from stabbench.analysis.tasks import readings_of, warnings
from stabbench.cli import main
from stabbench.datasets import DATASETS
from stabbench.errors import UserError
from stabbench.models.reading import LOOKED_AT, reading
from stabbench.models.tokenization import tokenize
from stabbench.plan import Cell
from stabbench.report.content import gather
from stabbench.tasks import preparation
from stabbench.tasks.official import differences
from stabbench.tasks.prepared import SPLITS, PreparedTask, examples_frame
from stabbench.tasks.quoting import quoting, swallowed
from stabbench.tasks.seen import seen
from stabbench.tasks.sources import hub
from stabbench.tasks.sources.glue import FOLDER_VARIABLE, read_split
from tests.analysis.synthetic import SyntheticCell, write_runs
from tests.report.test_sections import drawn, sections_of
from tests.tasks.test_hub import repository
from tests.tiny import PROJECT
from tests.typed import task_facts

HEADER = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
SAID = 'She said , " late " .'


def mrpc(folder: Path, rows: Sequence[tuple[str, str, str]], header: str = HEADER, **dialect: object) -> None:
    """MRPC's two files from rows of (label, first text, second text); `dialect` is a CSV writer's."""
    (folder / "MRPC").mkdir(exist_ok=True)
    for split in ("train", "dev"):
        lines = [[label, str(row), str(row), first, second] for row, (label, first, second) in enumerate(rows)]
        file = io.StringIO()
        options = {"quoting": csv.QUOTE_NONE, "quotechar": None, **dialect}
        csv.writer(file, delimiter="\t", lineterminator="\n", **options).writerows(lines)  # type: ignore[arg-type]
        (folder / "MRPC" / f"{split}.tsv").write_text(header + file.getvalue(), encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def prepare(folder: Path, task: str = "dataset: mrpc") -> Result:
    (folder / "params.yaml").write_text(
        "seeds: 1-3\ngrid: {models: [embedded], tasks: [mine], strategies: [devlin]}\n"
        + f"tasks: {{mine: {{{task}}}}}\n"
    )
    return CliRunner().invoke(main, ["prepare"])


def task_json(folder: Path) -> dict[str, object]:
    return dict(json.loads((folder / "data/mine/task.json").read_text(encoding="utf-8")))


QUOTED = [("0", "Rain fell .", "It rained ."), ("1", SAID, f"{SAID} again"), ("1", "A cat .", "A dog .")] * 4


def test_files_that_a_csv_writer_quoted_are_refused_with_counts_and_the_first_line(project: Path) -> None:
    mrpc(project, QUOTED, quotechar='"', quoting=csv.QUOTE_MINIMAL)
    result = prepare(project)
    assert result.exit_code == 2
    assert "does not hold the official MRPC" in result.output
    for split, official in (("train", "3,668"), ("dev", "408")):
        assert f"{split}.tsv has 12 examples, the official file {official}" in result.output
        assert f"{split}.tsv has 8 texts that a CSV writer quoted (first: line 3)" in result.output
    assert "set `unofficial: true` in tasks.mine" in result.output
    assert not (project / "data/mine/task.json").exists()


def test_on_request_they_are_taken_as_they_are_and_every_difference_is_told(project: Path) -> None:
    mrpc(project, QUOTED, quotechar='"', quoting=csv.QUOTE_MINIMAL)
    result = prepare(project, "dataset: mrpc, unofficial: true")
    assert result.exit_code == 0, result.output
    assert (
        "warning: mine: taken as they are, on request: train.tsv has 8 texts that a CSV writer quoted" in result.output
    )
    seen = task_json(project)["seen"]
    assert isinstance(seen, dict)
    assert len([sentence for sentence in seen["warnings"] if "on request" in sentence]) == 4
    assert seen["splits"]["train"]["quoted"] == 8


def test_own_data_under_an_official_name_are_known_by_counts_and_header_and_their_bad_lines_are_told_too(
    project: Path,
) -> None:
    rows = [("1" if row % 2 else "0", "It rained .", f"Rain {row}" if row % 5 else "") for row in range(60)]
    mrpc(project, rows, header="col1\tcol2\tcol3\tcol4\tcol5\n")
    result = prepare(project)
    assert result.exit_code == 2
    assert "train.tsv has the header col1, col2, col3, col4, col5, the official file Quality, #1 ID" in result.output
    assert "train.tsv: 12 lines cannot be used:" in result.output
    assert re.search(r"  12 lines \(2, 7, [0-9, ]+ and 2 more\): a text is empty, expected a sentence\n", result.output)
    assert result.output.count("a text is empty") == 2


def test_labels_columns_and_texts_that_cannot_be_used_are_told_at_once_also_on_request(project: Path) -> None:
    mrpc(project, [("0", "a", "b"), ("2", "a", "b"), ("1", "a", " "), ("1", "a", "b")])
    path = project / "MRPC/dev.tsv"
    path.write_text(path.read_text() + "1\t2\n")
    result = prepare(project, "dataset: mrpc, unofficial: true")
    assert result.exit_code == 2
    assert "  line 3: label '2' in column 1, expected 0 or 1\n  line 4: a text is empty" in result.output
    assert "dev.tsv: 3 lines cannot be used:" in result.output
    assert "  line 6: 2 tab-separated columns, expected 5 (MRPC)" in result.output
    assert not (project / "data/mine/task.json").exists()


def test_all_tasks_that_are_refused_are_told_together_and_the_others_prepared(project: Path) -> None:
    mrpc(project, QUOTED)
    (project / "params.yaml").write_text(
        "seeds: 1-3\ngrid: {models: [embedded], tasks: [one, two, three], strategies: [devlin]}\n"
        "tasks: {one: {dataset: mrpc}, two: {dataset: mrpc, unofficial: true}, three: {dataset: rte}}\n"
    )
    result = CliRunner().invoke(main, ["prepare"])
    assert result.exit_code == 2
    assert "task one: " in result.output
    assert "there is no folder RTE" in result.output
    assert [path.parent.name for path in project.glob("data/*/task.json")] == ["two"]


def test_a_hub_table_with_bad_rows_names_them_all(tmp_path: Path) -> None:
    table = pd.DataFrame({"sentence": ["It rained.", None, " ", "We slept."], "label": [1, 0, 1, 7]})
    place = repository(tmp_path / "hub", "cola", table)
    with pytest.raises(UserError) as caught:
        hub.read_hub(DATASETS["cola"], repository=place, cache=tmp_path / "cache")
    assert "train: 3 rows cannot be used:" in str(caught.value)
    assert "  rows 1, 2: a text is empty, expected a sentence\n" in str(caught.value)
    assert "  row 3: label 7, expected one of unacceptable, acceptable" in str(caught.value)


def test_rows_that_are_missing_from_a_numbered_file_are_found_by_their_numbers(project: Path) -> None:
    (project / "RTE").mkdir()
    kept = [row for row in range(30) if row != 7]
    lines = [f"{row}\tfirst {row}\tsecond\t{'not_' * (row % 2)}entailment\n" for row in kept]
    for split in ("train", "dev"):
        (project / f"RTE/{split}.tsv").write_text("index\tsentence1\tsentence2\tlabel\n" + "".join(lines))
    result = prepare(project, "dataset: rte")
    assert result.exit_code == 2
    assert "29 examples, the official file 2,490 (its column of row numbers leaves their order at line 9: '8', " in (
        result.output
    )


def test_marks_without_partner_and_sayings_in_quotation_marks_are_no_csv() -> None:
    texts = ['" We left , " he said .', '"We left."', 'He said " no', '" stray', "plain", 'the "old" house'] * 3
    found = quoting(examples_frame([(row, text, None, row % 2) for row, text in enumerate(texts)]))
    assert (found.fields, found.systematic) == (3, False)


@pytest.mark.parametrize("quoted", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_a_csv_writers_quoting_is_noticed_in_whichever_style(quoted: Literal[0, 1]) -> None:
    texts = ["plain", SAID, "more , commas", f"{SAID} {SAID}", '"'] * 5
    file = io.StringIO()
    csv.writer(file, delimiter="\t", quoting=quoted, lineterminator="\n").writerows([text] for text in texts)
    written = file.getvalue().splitlines()
    assert quoting(examples_frame([(row, text, None, 0) for row, text in enumerate(written)])).systematic


def test_what_a_csv_reader_would_lose_is_counted_as_it_loses_it() -> None:
    texts = ["one", '" two', "three", "four", 'five " 5', '"six" .', "seven"]
    frame = examples_frame([(row, text, f"b {row}", 0) for row, text in enumerate(texts)])
    lines = [f"{first}\tb {row}\t0\n" for row, first in enumerate(texts)]
    assert swallowed(frame) == len(texts) - len(list(csv.reader(lines, delimiter="\t"))) > 0
    assert swallowed(frame.iloc[2:5].reset_index(drop=True)) == 0


def test_repetitions_and_dev_examples_of_train_are_told_with_their_labels(project: Path) -> None:
    (project / "CoLA").mkdir()
    train = [("1", "We slept ."), ("0", "Slept we ."), ("1", "We slept ."), ("0", "We slept ."), ("1", "It rained .")]
    dev = [("1", "Slept we ."), ("0", "Slept we ."), ("1", "Snow fell ."), ("0", "Snow it .")]
    for split, rows in (("train", train), ("dev", dev)):
        lines = "".join(f"x\t{label}\t\t{text}\n" for label, text in rows)
        (project / f"CoLA/{split}.tsv").write_text(lines)
    said = prepare(project, "dataset: cola, unofficial: true").output
    assert "mine: 2 of 5 train examples repeat the texts of an earlier one; 1 texts have more than one label" in said
    assert "mine: 2 of 4 dev examples have texts that are in train too, 1 of them with another label" in said
    shown = {line[:32].strip(): line[32:].split() for line in said.splitlines() if line.startswith("  ")}
    assert shown["repeated texts"] == ["2", "1"]
    assert shown["texts that are in train too"] == ["2"]
    assert shown["in the official files"] == ["8,551", "1,043"]


def test_what_was_seen_is_in_no_content_hash_and_of_older_tasks_it_is_not_known(tmp_path: Path) -> None:
    both = examples_frame([(0, "a", "b", 0), (1, "c", "d", 1)])
    task = PreparedTask("mine", "mrpc", "folder", ("f1",), ("no", "yes"), both, both)
    facts = seen({"train": both, "dev": both}, ("no", "yes"), read=task.counts, official={}, differences=[])
    known = replace(task, seen=facts)
    assert known.content_hash == task.content_hash
    for name, each in {"new": known, "old": task}.items():
        each.write(tmp_path / name)
        assert PreparedTask.read(tmp_path / name).seen == each.seen
    assert "seen" not in json.loads((tmp_path / "old/task.json").read_text())


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    (folder / "params.yaml").write_text(f"seeds: 1-2{PROJECT}strategies: {{devlin: {{plugin: devlin}}}}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = CliRunner().invoke(main, ["pretrain"])
        assert result.exit_code == 0, result.output
    return folder


@pytest.mark.parametrize("dataset", ["acceptability", "paraphrase"])
def test_lengths_are_those_of_what_a_training_reads(dataset: str, pretrained: Path, tmp_path: Path) -> None:
    task = preparation.prepare("mine", {"dataset": dataset}, train_size=30, dev_size=20, out=tmp_path)
    folder = pretrained / "models/embedded"
    found = reading(folder, "", task)
    read = [tokenize(folder, *task.texts(split), 128).lengths for split in SPLITS]
    assert found.lengths.tolist() == np.concatenate(read).tolist()
    facts = found.facts(max_length=int(np.median(found.lengths)))
    assert facts["cut_share"] == round(float((found.lengths > facts["max_length"]).mean()), 6) > 0.1
    assert facts["warnings"][0].startswith(f"{100 * facts['cut_share']:.1f} % of the examples are cut")


def foreign_cola(folder: Path, count: int) -> None:
    """Sentences of Greek letters, one in ten of them long."""
    (folder / "CoLA").mkdir()
    for split in ("train", "dev"):
        texts = ["\u03b1\u03b2 " * (150 if row % 10 == 0 else 3) + f"{split} \u03b3{row}" for row in range(count)]
        lines = "".join(f"x\t{row % 2}\t\t{text}\n" for row, text in enumerate(texts))
        (folder / f"CoLA/{split}.tsv").write_text(lines, encoding="utf-8")


def planned(folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Cell]:
    """What `stabbench plan` says of that CoLA, prepared on request, and its cell."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    monkeypatch.chdir(folder)
    shutil.copytree(model / "models", folder / "models")
    project = PROJECT.replace("dataset: acceptability, train_size: 48, dev_size: 32", "dataset: cola, unofficial: true")
    (folder / "params.yaml").write_text(f"seeds: 1-2{project}strategies: {{devlin: {{plugin: devlin}}}}\n")
    for command in ("prepare", "plan"):
        result = CliRunner().invoke(main, [command])
        assert result.exit_code == 0, result.output
    return result.output, Cell.read(folder / "plan/embedded/acceptability/devlin.json")


def test_texts_that_the_tokenizer_does_not_know_or_that_are_cut_are_told_when_planning(
    pretrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign_cola(tmp_path, 40)
    said, cell = planned(tmp_path, pretrained, monkeypatch)
    (reading,) = [found.tokens for found in readings_of([cell])]
    assert reading["unknown_share"] > 0.5
    assert reading["cut_share"] == 0.1
    assert reading["lengths"][2] > reading["max_length"] == 128
    assert (reading["looked_at"], reading["examples"]) == (80, 80)
    assert (
        f"warning: embedded on acceptability: {100 * reading['unknown_share']:.1f} % of the tokens are unknown" in said
    )
    assert "warning: embedded on acceptability: 10.0 % of the examples are cut at max_length 128" in said
    assert cell.fingerprint(1) == replace(cell, tokens={}, task_facts=task_facts()).fingerprint(1)


def test_of_a_large_task_a_part_is_looked_at_and_the_plan_says_so(
    pretrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign_cola(tmp_path, LOOKED_AT + 500)
    _, cell = planned(tmp_path, pretrained, monkeypatch)
    (reading,) = [found.tokens for found in readings_of([cell])]
    assert (reading["looked_at"], reading["examples"]) == (2 * LOOKED_AT, 2 * LOOKED_AT + 1000)


def test_the_report_repeats_what_was_seen_and_warned_of(
    pretrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign_cola(tmp_path, 40)
    _, cell = planned(tmp_path, pretrained, monkeypatch)
    (selected,) = write_runs(tmp_path / "runs", [SyntheticCell([0.5, 0.6])])
    own = replace(selected.cell, task_facts=cell.task_facts, tokens=cell.tokens)
    own.write(tmp_path / "runs" / own.name / "cell.json")
    section = drawn(gather(tmp_path / "runs", incomplete=False, levene_center="median", alpha=0.001))["task-statistics"]
    tables = dict(section.tables)
    seen_table = next(table for caption, table in tables.items() if caption.startswith("What preparing"))
    assert [row[:3] for row in seen_table.rows] == [
        ["acceptability", "train", "40 (8,551)"],
        ["acceptability", "dev", "40 (1,043)"],
    ]
    read_table = next(table for caption, table in tables.items() if caption.startswith("The texts as"))
    assert read_table.rows[0][:3] == [own.model, "acceptability", "80 of 80"]
    assert read_table.rows[0][-1] == "10.0"
    assert section.found[1:] == [f"Warning: {sentence}." for sentence in warnings([own])]
    assert len(section.found) == 5


def test_a_report_of_older_plans_has_no_such_tables(tmp_path: Path) -> None:
    section = sections_of(tmp_path / "runs", [SyntheticCell([0.5, 0.6])])["task-statistics"]
    assert [caption[:8] for caption, _ in section.tables] == ["The data"]
    assert len(section.found) == 1


@pytest.mark.parametrize("dataset", ["rte", "mrpc", "cola"])
def test_the_official_files_pass(dataset: str) -> None:
    folder = Path(os.environ.get(FOLDER_VARIABLE) or "absent")
    found = DATASETS[dataset]
    if not all((folder / found.folder / f"{split}.tsv").is_file() for split in ("train", "dev")):
        pytest.skip(f"{FOLDER_VARIABLE} does not hold {found.title}")
    frames = {"train": read_split(found, folder, "train"), "dev": read_split(found, folder, "dev")}
    counts = {split: len(frame) for split, frame in frames.items()}
    assert not differences(found, counts, {split: quoting(frame) for split, frame in frames.items()}, {})
    said = seen(frames, found.label_names, read=counts, official=found.counts, differences=[])["warnings"]
    assert [sentence.split(" examples")[0] for sentence in said] == (
        ["19 of 8,551 train", "4 of 1,043 dev", "16 of 1,043 dev"] if dataset == "cola" else []
    )
