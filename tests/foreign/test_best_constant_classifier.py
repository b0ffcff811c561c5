"""A run failed where the best constant classifier scores as much, on dev sets that can tell."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import Tensor

from stabbench import resolve
from stabbench.analysis import frame
from stabbench.analysis.tasks import tasks_of
from stabbench.cli import main
from stabbench.errors import UserError
from stabbench.files import read_json, write_json
from stabbench.models.batch import Batch
from stabbench.plan import Cell, Spec
from stabbench.records import Record, RecordContent, Selection, Store, select
from stabbench.strategies.contract import BoundModel, Context, NoOptions, Strategy, Weights
from stabbench.task_facts import BestConstant
from stabbench.tasks.objectives.contract import Trivial
from stabbench.tasks.prepared import PreparedTask, examples_frame
from stabbench.tasks.seen import seen
from stabbench.tasks.sources.glue import FOLDER_VARIABLE
from stabbench.training.inputs import TrainingInputs
from stabbench.training.loop import train
from tests import tiny
from tests.typed import of_schema_1, task_facts

HEADER = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
RARE = [int(row % 4 == 0) for row in range(48)]
"""Labels of which a quarter is 1: always saying 1 has an F1 of 0.4, always saying 0 one of 0."""


class AlwaysOne(Strategy):
    """What is scored says label 1, whatever the text."""

    def scored_weights(self, weights: Weights, state: Mapping[str, Tensor], ctx: Context) -> Weights:
        bias = torch.zeros_like(weights["classifier.bias"])
        bias[..., 1] = 1e4
        return {**weights, "classifier.bias": bias}


class NotANumber(Strategy):
    """The loss is NaN from the third update on."""

    def loss(self, model: BoundModel, weights: Weights, batch: Batch, ctx: Context) -> Tensor:
        loss = super().loss(model, weights, batch, ctx)
        return loss * float("nan") if ctx.step >= 2 else loss


def rare_ones(strategy: type[Strategy], f1: float) -> TrainingInputs:
    """A training that is scored on `RARE` with that F1 of the constant classifier."""
    inputs = tiny.inputs(strategies=((strategy(), NoOptions()),), epochs=1.0)
    return dataclasses.replace(
        inputs,
        dev=dataclasses.replace(inputs.dev, labels=np.array(RARE)),
        metrics=("f1", "accuracy"),
        trivial=Trivial(0, {"f1": f1, "accuracy": 0.75}, {}),
    )


def cell(f1: float) -> Cell:
    facts = task_facts(
        dataset="mrpc",
        metric="f1",
        metrics=("f1", "accuracy"),
        counts={"train": 90, "dev": 48},
        label_shares={"train": (0.5, 0.5), "dev": (0.75, 0.25)},
        constant=BestConstant(0, {"f1": 1, "accuracy": 0}, {"f1": f1, "accuracy": 0.75}),
    )
    spec = Spec(training_version=1, task={"content_hash": "0" * 64}, recipe={}, plugins=[])
    return Cell("m", "rare", "s", (1, 2), {"model": "m", "task": "t"}, "", "", facts, spec)


def keep(store: Store, seed: int, data: Mapping[str, Any], tables: Mapping[str, Any]) -> Record:
    head = {"fingerprint": cell(0.4).fingerprint(seed), "spec": cell(0.4).run_spec(seed), "files": {}}
    return store.write(RecordContent.from_json({**head, **data}), {"device": "cpu"}, tables)


def test_always_saying_one_is_the_baseline_of_f1_also_where_zeros_are_more_frequent() -> None:
    examples = examples_frame([(row, f"a {row}", f"b {row}", label) for row, label in enumerate(RARE)])
    task = PreparedTask("rare", "mrpc", "folder", ("f1", "accuracy"), ("no", "yes"), examples, examples)
    assert task.facts.constant == BestConstant(0, {"f1": 1, "accuracy": 0}, {"f1": 0.4, "accuracy": 0.75})


def test_a_run_that_always_says_one_failed() -> None:
    (result,) = train(rare_ones(AlwaysOne, 0.4), tiny.seeds(1))
    assert set(result.tables["predictions.parquet"]["prediction"]) == {1}
    assert result.data["final"]["scores"]["f1"] == 0.4
    assert result.data["status"] == "failed"


def test_a_diverged_run_counts_with_the_best_constant_classifiers_scores() -> None:
    (result,) = train(rare_ones(NotANumber, 0.4), tiny.seeds(1))
    assert result.data["status"] == "diverged"
    assert result.data["final"]["scores"] == {"f1": 0.4, "accuracy": 0.75}


@pytest.mark.parametrize(("strategy", "status"), [(AlwaysOne, "failed"), (NotANumber, "diverged")])
def test_a_record_of_the_old_baseline_is_read_as_a_training_of_today_leaves_it(
    strategy: type[Strategy], status: str, tmp_path: Path
) -> None:
    store = Store(tmp_path / "store", warn=lambda message: pytest.fail(message))
    (old,), (new,) = (train(rare_ones(strategy, f1), tiny.seeds(1)) for f1 in (0.0, 0.4))
    assert old.data["result_digest"] != new.data["result_digest"]
    folder = keep(store, 1, old.data, old.tables).folder
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    record = store.find(cell(0.4).fingerprint(1))
    assert record is not None
    assert record.status == status
    read = record.content.to_json()
    assert {key: read[key] for key in new.data} == json.loads(json.dumps(new.data))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_records_and_plans_of_the_old_baseline_make_todays_table(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    for seed, strategy in ((1, AlwaysOne), (2, NotANumber)):
        (old,) = train(rare_ones(strategy, 0.0), tiny.seeds(seed))
        keep(store, seed, old.data, old.tables)
    select(cell(0.0), store, tmp_path / "runs")
    write_json(tmp_path / "runs/m/rare/s/cell.json", of_schema_1(cell(0.0)))
    selection = Selection.read(tmp_path / "runs", files=False)
    runs = frame(selection)
    assert runs["status"].tolist() == ["failed", "diverged"]
    assert runs["score"].tolist() == runs["majority"].tolist() == [0.4, 0.4]
    ((_, facts),) = tasks_of(item.cell for item in selection.cells)
    assert facts.constant.scores["f1"] == 0.4
    assert {name: facts.label(label) for name, label in facts.constant.labels.items()} == {
        "f1": "yes",
        "accuracy": "no",
    }


def test_a_record_whose_baseline_was_right_is_read_as_it_stands(tmp_path: Path) -> None:
    (result,) = train(rare_ones(AlwaysOne, 0.3), tiny.seeds(1))
    record = keep(Store(tmp_path), 1, result.data, result.tables)
    assert record.status == "ok"
    written = read_json(record.folder / "record.json")
    assert Record.read(record.folder).content.to_json() == {
        key: value for key, value in written.items() if key not in ("schema_version", "seal")
    }


def test_a_plan_of_the_old_baseline_keeps_its_fingerprints() -> None:
    old, new = Cell.from_json(of_schema_1(cell(0.0))), Cell.from_json(cell(0.4).to_json())
    assert old.task_facts == new.task_facts
    assert old.fingerprint(1) == new.fingerprint(1)


def files(folder: Path, **labels: list[int]) -> None:
    """MRPC's two files with these labels."""
    (folder / "MRPC").mkdir()
    for split, values in labels.items():
        rows = "".join(f"{label}\t{row}\t{row}\t{split} {row}\tsentence {row}\n" for row, label in enumerate(values))
        (folder / "MRPC" / f"{split}.tsv").write_text(HEADER + rows)


def prepared(folder: Path, monkeypatch: pytest.MonkeyPatch, task: str = "dataset: mrpc") -> tuple[int, str]:
    """Exit status and output of `stabbench prepare` for a project with that task."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    monkeypatch.chdir(folder)
    (folder / "params.yaml").write_text(
        "seeds: 1-3\ngrid: {models: [embedded], tasks: [mine], strategies: [devlin]}\n"
        f"tasks: {{mine: {{{task}, unofficial: true}}}}\n"
    )
    result = CliRunner().invoke(main, ["prepare"])
    return result.exit_code, result.output


def test_splits_of_one_label_are_refused_together_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files(tmp_path, train=[1] * 8, dev=[0] * 4)
    status, said = prepared(tmp_path, monkeypatch)
    assert status == 2
    assert "all 8 train examples have the label 'equivalent', so there is nothing to learn: take data with more" in said
    assert "all 4 dev examples have the label 'not_equivalent', so no score can tell a run from a constant" in said
    assert not (tmp_path / "data").exists() or not list((tmp_path / "data").rglob("*.json"))


def test_a_sample_of_one_label_is_refused_with_what_to_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files(tmp_path, train=[0, 1] * 4, dev=[0] * 40 + [1])
    status, said = prepared(tmp_path, monkeypatch, "dataset: mrpc, dev_size: 3")
    assert status == 2
    assert "all 3 dev examples have the label 'not_equivalent'" in said
    assert "set a larger dev_size or another sample_seed" in said


def test_a_task_of_one_label_that_was_prepared_before_is_refused_when_planning(tmp_path: Path) -> None:
    both, one = (
        examples_frame([(row, f"{name} {row}", "b", label) for row, label in enumerate(labels)])
        for name, labels in (("train", [0, 1]), ("dev", [1, 1]))
    )
    PreparedTask("mine", "mrpc", "folder", ("f1",), ("no", "yes"), both, one).write(tmp_path / "data/mine")
    with pytest.raises(UserError, match="task mine: all 2 dev examples have the label 'yes'"):
        resolve.resolve_task("mine", tmp_path)


def test_labels_that_a_split_lacks_are_told() -> None:
    frames = {
        split: examples_frame([(row, f"{split} {row}", None, label) for row, label in enumerate(labels)])
        for split, labels in (("train", [0, 1, 1]), ("dev", [0, 1, 2, 2]))
    }
    names = ("no", "yes", "perhaps", "never")
    said = seen(frames, names, read={"train": 3, "dev": 4}, official={}, differences=[])["warnings"]
    assert said == [
        "no train example has the label 'perhaps', 2 dev examples have it: no run can learn it",
        "no train or dev example has the label 'never'",
    ]
