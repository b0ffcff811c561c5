from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from stabbench.analysis.tasks import Comparison, beside_the_paper, is_sample, tasks_of
from stabbench.plan import Cell
from stabbench.task_facts import BestConstant, TaskFacts
from tests.analysis.synthetic import SyntheticCell, write_runs
from tests.typed import of_schema_1

RTE = TaskFacts(
    dataset="rte",
    metric="accuracy",
    metrics=("accuracy",),
    label_names=("entailment", "not_entailment"),
    counts={"train": 2490, "dev": 277},
    sample=None,
    dev_sample=None,
    label_shares={},
    constant=BestConstant(0, {"accuracy": 0}, {"accuracy": 146 / 277}),
    content_hash="",
)


def compared(**changes: Any) -> dict[str, Comparison]:
    return {row.what: row for row in beside_the_paper("rte", dataclasses.replace(RTE, **changes))}


def constant(**scores: float) -> BestConstant:
    return BestConstant(1, dict.fromkeys(scores, 1), scores)


def test_the_true_counts_differ_from_the_papers_by_the_header_lines() -> None:
    rows = compared()
    assert (rows["train"].here, rows["train"].paper) == (2490, 2491)
    assert rows["train"].why == rows["dev"].why == "the paper counts the file's header line"
    assert rows["majority"].agrees
    assert not rows["majority"].why


def test_mrpcs_baseline_is_the_mean_of_two_metrics_in_the_paper() -> None:
    both = constant(f1=0.8122, accuracy=0.6838)
    row = compared(dataset="mrpc", counts={"train": 3668, "dev": 408}, constant=both)["majority"]
    assert (row.agrees, row.here, row.paper) == (False, 0.8122, 0.75)
    assert row.why == "the paper's is the mean of F1 and accuracy"


def test_colas_counts_and_baseline_are_the_papers() -> None:
    rows = compared(dataset="cola", counts={"train": 8551, "dev": 1043}, constant=constant(mcc=0.0, accuracy=0.691))
    assert all(row.agrees for row in rows.values())


def test_a_sample_is_said_to_be_one() -> None:
    rows = compared(counts={"train": 1000, "dev": 277}, sample={"size": 1000, "seed": 0})
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
    found = tasks_of(item.cell for item in write_runs(tmp_path / "runs", cells))
    assert [(task, facts.dataset, is_sample(facts, "train"), is_sample(facts, "dev")) for task, facts in found] == [
        ("acceptability", "acceptability", False, False),
        ("cola-1k", "cola", True, False),
    ]
    facts = found[0][1]
    assert [facts.label(label) for label in facts.constant.labels.values()] == ["yes", "yes"]


@pytest.mark.parametrize("missing", ["dataset", "label_shares", "sample"])
def test_plans_without_the_newer_facts_are_read(tmp_path: Path, missing: str) -> None:
    (selected,) = write_runs(tmp_path / "runs", [SyntheticCell([0.5])])
    content = of_schema_1(selected.cell)
    del content["task_facts"][missing]
    ((_, found),) = tasks_of([Cell.from_json(content)])
    assert found.dataset == "acceptability"
