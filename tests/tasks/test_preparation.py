"""Preparing tasks: sources, samples and what is refused before anything is written."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stabbench import metrics
from stabbench.datasets import DATASETS, TabLayout
from stabbench.errors import UserError
from stabbench.tasks import embedded, objectives
from stabbench.tasks.preparation import prepare
from stabbench.tasks.prepared import PreparedTask, examples_frame
from stabbench.tasks.sampling import sample_examples
from stabbench.tasks.sources.glue import FOLDER_VARIABLE

SMALL = {"train": 60, "dev": 40, "seed": 3}


@pytest.fixture
def cola(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with 50 training and 20 dev sentences of CoLA's form."""
    folder = tmp_path / "glue"
    (folder / "CoLA").mkdir(parents=True)
    for split, size in (("train", 50), ("dev", 20)):
        lines = [f"x\t{int(row % 3 > 0)}\t\t{split} sentence {row}\n" for row in range(size)]
        (folder / "CoLA" / f"{split}.tsv").write_text("".join(lines))
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    return folder


@pytest.mark.parametrize("dataset", embedded.NAMES)
def test_an_embedded_task_is_generated_written_and_read_back(tmp_path: Path, dataset: str) -> None:
    task = prepare("mine", {"dataset": dataset, "generator": SMALL}, out=tmp_path / "task")
    read = PreparedTask.read(tmp_path / "task")
    assert read.description() == task.description()
    assert read.counts == {"train": 60, "dev": 40}
    assert read.origin == {"generator": SMALL}
    assert read.source == "embedded"
    assert read.metrics == DATASETS[dataset].metrics
    texts = [(example.text_a, example.text_b, example.label) for example in embedded.generate(dataset, "train", 60, 3)]
    assert list(zip(*(read.train[name] for name in ("text_a", "text_b", "label")), strict=True)) == texts


def test_embedded_tasks_have_500_examples_a_split_by_default(tmp_path: Path) -> None:
    assert prepare("a", {"dataset": "acceptability"}, out=tmp_path).counts == {"train": 500, "dev": 500}


def test_a_smaller_embedded_task_is_a_sample_of_the_whole_and_a_larger_one_is_generated(tmp_path: Path) -> None:
    whole = prepare("a", {"dataset": "acceptability"}, out=tmp_path / "whole")
    part = prepare("a", {"dataset": "acceptability"}, train_size=100, out=tmp_path / "part")
    larger = prepare("a", {"dataset": "acceptability"}, train_size=600, out=tmp_path / "larger")
    assert part.sample == {"size": 100, "seed": 0}
    assert part.train["text_a"].tolist() == whole.train["text_a"].iloc[part.train["example"].tolist()].tolist()
    assert part.dev.equals(whole.dev)
    assert larger.sample is None
    assert larger.train.iloc[:500].equals(whole.train)


def test_the_folder_is_taken_where_the_variable_is_set(cola: Path, tmp_path: Path) -> None:
    task = prepare(
        "cola",
        {"dataset": "cola", "unofficial": True},
        train_size=30,
        dev_size=10,
        sample_seed=7,
        out=tmp_path / "task",
    )
    assert task.source == "folder"
    assert (task.sample, task.dev_sample) == ({"size": 30, "seed": 7}, {"size": 10, "seed": 7})
    assert task.train["text_a"].tolist() == [f"train sentence {row}" for row in task.train["example"]]
    assert task.counts == {"train": 30, "dev": 10}
    everything = prepare("cola", {"dataset": "cola", "unofficial": True}, train_size=50, out=tmp_path / "all")
    assert everything.sample is None


def test_the_same_preparation_gives_the_same_bytes(cola: Path, tmp_path: Path) -> None:
    for folder in ("first", "second"):
        prepare("cola", {"dataset": "cola", "unofficial": True}, train_size=30, out=tmp_path / folder)
    for name in ("train.parquet", "dev.parquet", "task.json"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dataset": "colla"}, "unknown dataset 'colla': did you mean 'cola'"),
        ({"source": "foldr"}, "unknown task source 'foldr': did you mean 'folder'"),
        ({"source": "embedded"}, "dataset cola has no source 'embedded': use auto or folder or hub"),
        ({"dataset": "paraphrase", "source": "hub"}, "dataset paraphrase has no source 'hub'"),
        ({"unofficial": True, "train_size": 51}, "train size 51 is more than the 50 examples there are"),
        ({"unofficial": True, "dev_size": 0}, "dev size 0, expected a number of examples from 1 to 20"),
        ({"unofficial": True, "train_size": -1}, "train size -1"),
        (
            {"revision": "main"},
            "unknown option of task mine: task source 'folder' (stabbench.tasks.sources.glue:Folder of",
        ),
        ({"dataset": "entailment", "unofficial": True}, "'unofficial'. Known: dataset, generator"),
        ({"generator": {"seed": 1}}, "'generator'. Known: dataset, unofficial"),
        ({"dataset": "entailment", "generator": {"sed": 1}}, "did you mean 'seed'"),
        ({"dataset": "entailment", "generator": {"train": 0}}, "generator train is 0, expected 1 or more"),
        ({"dataset": "entailment", "generator": {"seed": -1}}, "generator seed is -1, expected 0 or more"),
        ({"dataset": "entailment", "generator": SMALL, "train_size": 61}, "train size 61 is more than the 60"),
        ({"dataset": "rte"}, "there is no folder RTE"),
    ],
)
def test_a_wrong_option_is_refused_and_nothing_is_written(
    cola: Path, tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    sampling = {key: options[key] for key in options.keys() & {"source", "train_size", "dev_size"}}
    asked = {key: options[key] for key in options.keys() - sampling.keys()}
    with pytest.raises(UserError) as caught:
        prepare("mine", {"dataset": "cola", **asked}, **sampling, out=tmp_path / "out")
    assert said in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_the_folder_source_without_the_variable_says_which_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    with pytest.raises(UserError, match="STABBENCH_GLUE_DIR is not set"):
        prepare("rte", {"dataset": "rte"}, source="folder", out=tmp_path / "out")


def test_a_sample_keeps_ids_and_order_and_grows_with_its_size() -> None:
    frame = examples_frame([(row * 2, f"text {row}", None, row % 2) for row in range(200)])
    small, large = (sample_examples(frame, size, 5) for size in (40, 80))
    assert small["example"].is_monotonic_increasing
    assert set(small["example"]) < set(large["example"]) < set(frame["example"])
    assert small.equals(sample_examples(frame, 40, 5))
    assert not small.equals(sample_examples(frame, 40, 6))
    assert not small.equals(sample_examples(frame, 40, 5, "dev"))
    assert (small["text_a"] == [f"text {number // 2}" for number in small["example"]]).all()


def test_every_example_is_as_likely_to_be_in_a_sample_as_any_other() -> None:
    frame = examples_frame([(row, "text", None, 0) for row in range(20)])
    drawn = np.concatenate([sample_examples(frame, 5, seed)["example"].to_numpy() for seed in range(400)])
    hits = np.bincount(drawn, minlength=20)
    assert np.abs(hits - 100).max() < 4.5 * (400 * 0.25 * 0.75) ** 0.5


def test_every_data_set_has_known_metrics_of_its_objective_and_its_kind_s_layouts() -> None:
    for name, dataset in DATASETS.items():
        assert name == dataset.name
        objective = objectives.find(dataset.objective)
        for metric in dataset.metrics:
            objective.check_metric(metric, metrics.find(metric))
        assert bool(dataset.files) == (dataset.hub is not None) == (dataset.kind == "glue") == bool(dataset.counts)
        assert (dataset.label_range is not None) == (dataset.objective == "regression") == (not dataset.label_names)
        if dataset.hub is not None:
            layouts = [file.layout for file in dataset.files.values()]
            assert list(dataset.files) == list(dataset.counts) == ["train", "dev"]
            assert {layout.text_b is not None for layout in [*layouts, dataset.hub.columns]} == {dataset.pair}
            assert len(dataset.label_values) == len(dataset.label_names)
            for layout in layouts:
                if isinstance(layout, TabLayout) and layout.header is not None:
                    assert len(layout.header) == layout.columns
                    assert layout.header[layout.label] in ("label", "score", "is_duplicate", "gold_label", "Quality")


def test_what_is_left_out_is_told_and_no_part_of_the_official_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "snli_1.0").mkdir()
    for split, count in (("train", 50), ("dev", 20)):
        labels = ["-" if row % 10 == 3 else ("entailment", "neutral", "contradiction")[row % 3] for row in range(count)]
        rows = [
            json.dumps({"sentence1": f"{split} {row}", "sentence2": "b", "gold_label": label}) + "\n"
            for row, label in enumerate(labels)
        ]
        (tmp_path / f"snli_1.0/snli_1.0_{split}.jsonl").write_text("".join(rows))
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(UserError, match=r"snli_1\.0_train\.jsonl has 45 examples, the official file 549,367"):
        prepare("snli", {"dataset": "snli"}, out=tmp_path / "out")
    task = prepare("snli", {"dataset": "snli", "unofficial": True}, out=tmp_path / "out")
    assert task.counts == {"train": 45, "dev": 18}
    assert task.seen is not None
    assert task.seen["read"] == task.counts
    said = [sentence for sentence in task.seen["warnings"] if "left out" in sentence]
    assert said == ["5 train rows without a gold label are left out", "2 dev rows without a gold label are left out"]


def test_a_task_of_scores_is_prepared_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "STS-B").mkdir()
    for split in ("train", "dev"):
        rows = [f"{row}\ta\tb\tc\td\te\tf\t{split} {row}\tB\t{row / 4:.3f}\n" for row in range(20)]
        (tmp_path / f"STS-B/{split}.tsv").write_text(
            "\t".join(DATASETS["stsb"].header(split) or ()) + "\n" + "".join(rows)
        )
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    task = prepare("stsb", {"dataset": "stsb", "unofficial": True}, out=tmp_path / "out")
    read = PreparedTask.read(tmp_path / "out")
    assert (read.objective.name, read.metrics) == ("regression", ("pearson", "spearman", "pearson_spearman"))
    assert (read.outputs, read.label_names) == (1, ())
    assert read.labels("dev").tolist() == [row / 4 for row in range(20)]
    assert read.content_hash == task.content_hash


def test_marks_of_a_csv_writer_are_no_fault_of_qqp_which_is_published_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "QQP").mkdir()
    header = "\t".join(DATASETS["qqp"].header("train") or ())
    for split in ("train", "dev"):
        rows = [f'{row}\t1\t2\t"What is ""{row}""?"\tWhy {split}?\t{row % 2}\n' for row in range(20)]
        (tmp_path / f"QQP/{split}.tsv").write_text(f"{header}\n{''.join(rows)}")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(UserError, match="has 20 examples, the official file 363,846") as caught:
        prepare("qqp", {"dataset": "qqp"}, out=tmp_path / "out")
    assert "CSV writer" not in str(caught.value)


@pytest.mark.skipif(not os.environ.get(FOLDER_VARIABLE), reason=f"{FOLDER_VARIABLE} is not set")
@pytest.mark.parametrize(
    ("dataset", "scores"),
    [
        ("rte", {"accuracy": 0.527}),
        ("mrpc", {"f1": 0.812, "accuracy": 0.684}),
        ("cola", {"mcc": 0.0, "accuracy": 0.691}),
    ],
)
def test_the_official_files_give_the_published_majority_baselines(
    tmp_path: Path, dataset: str, scores: dict[str, float]
) -> None:
    folder = Path(os.environ[FOLDER_VARIABLE]) / DATASETS[dataset].folder
    if not all((folder / f"{split}.tsv").is_file() for split in ("train", "dev")):
        pytest.skip(f"{folder.name} is not complete in {FOLDER_VARIABLE}")
    task = prepare(dataset, {"dataset": dataset}, source="folder", out=tmp_path)
    assert task.trivial.scores == pytest.approx(scores, abs=5e-4)
    assert PreparedTask.read(tmp_path).content_hash == task.content_hash
