from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from stabbench.analysis.tasks import Comparison, TaskStatistics, beside_the_paper, task_statistics
from stabbench.plan import Cell
from tests.analysis.synthetic import SyntheticCell, write_runs
from tests.typed import of_schema_1

RTE = TaskStatistics(
    task="rte",
    dataset="rte",
    counts={"train": 2490, "dev": 277},
    label_names=["entailment", "not_entailment"],
    label_shares={},
    metrics=["accuracy"],
    majority={"accuracy": 146 / 277},
    constants={"accuracy": "entailment"},
    samples={},
    content_hash="",
)


def compared(**changes: Any) -> dict[str, Comparison]:
    return {row.what: row for row in beside_the_paper(dataclasses.replace(RTE, **changes))}


def test_the_true_counts_differ_from_the_papers_by_the_header_lines() -> None:
    rows = compared()
    assert (rows["train"].here, rows["train"].paper) == (2490, 2491)
    assert rows["train"].why == rows["dev"].why == "the paper counts the file's header line"
    assert rows["majority"].agrees
    assert not rows["majority"].why


def test_mrpcs_baseline_is_the_mean_of_two_metrics_in_the_paper() -> None:
    majority = {"f1": 0.8122, "accuracy": 0.6838}
    row = compared(dataset="mrpc", counts={"train": 3668, "dev": 408}, majority=majority)["majority"]
    assert (row.agrees, row.here, row.paper) == (False, 0.8122, 0.75)
    assert row.why == "the paper's is the mean of F1 and accuracy"


def test_colas_counts_and_baseline_are_the_papers() -> None:
    rows = compared(dataset="cola", counts={"train": 8551, "dev": 1043}, majority={"mcc": 0.0, "accuracy": 0.691})
    assert all(row.agrees for row in rows.values())


def test_a_sample_is_said_to_be_one() -> None:
    rows = compared(counts={"train": 1000, "dev": 277}, samples={"train": 1000})
    assert rows["train"].why == "a seeded sample here"
    assert rows["dev"].why == "the paper counts the file's header line"


def test_a_number_that_nothing_explains_is_not_explained() -> None:
    assert compared(counts={"train": 2400, "dev": 277})["train"].why == "the reason is not known"


def test_a_data_set_that_the_paper_does_not_have_is_not_compared() -> None:
    assert not compared(dataset="acceptability")


def test_every_task_has_one_entry_whatever_the_number_of_its_cells(tmp_path: Path) -> None:
    cells = [
        SyntheticCell([0.5]),
        SyntheticCell([0.5], strategy="mosbach"),
        SyntheticCell([0.5], task="cola-1k", dataset="cola", sample={"size": 1000, "seed": 0}),
    ]
    found = task_statistics(write_runs(tmp_path / "runs", cells))
    assert [(item.task, item.dataset, item.samples) for item in found] == [
        ("acceptability", "acceptability", {}),
        ("cola-1k", "cola", {"train": 1000}),
    ]
    assert found[0].constants == {"mcc": "yes", "accuracy": "yes"}


@pytest.mark.parametrize("missing", ["dataset", "label_shares", "sample"])
def test_plans_without_the_newer_facts_are_read(tmp_path: Path, missing: str) -> None:
    (selected,) = write_runs(tmp_path / "runs", [SyntheticCell([0.5])])
    content = of_schema_1(selected.cell)
    del content["task_facts"][missing]
    old = dataclasses.replace(selected, cell=Cell.from_json(content))
    (found,) = task_statistics([old])
    assert found.dataset == "acceptability"
