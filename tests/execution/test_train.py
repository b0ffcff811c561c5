"""Training a cell: finished runs are reused, broken ones kept apart, and results depend on the spec alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from stabbench.cli import main
from stabbench.plan import Cell
from stabbench.records import Record, Selection, Store
from stabbench.tasks.prepared import PreparedTask


def train(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["train", *arguments], catch_exceptions=False)


def cell(strategy: str = "devlin") -> Cell:
    return Cell.read(Path("plan/embedded/acceptability") / f"{strategy}.json")


def record(seed: int, strategy: str = "devlin", store: str = ".stabbench/runs") -> Record:
    found = Store(Path(store)).find(cell(strategy).fingerprint(seed))
    assert found is not None
    return found


def digests(store: str = ".stabbench/runs") -> dict[int, str]:
    return {seed: record(seed, store=store).result.result_digest for seed in cell().seeds}


def test_only_what_is_missing_is_trained(project: Path) -> None:
    assert "2 trained, 0 already there" in train("--seeds", "1-2").output
    assert "2 trained, 2 already there" in train().output
    assert "0 trained, 4 already there" in train().output
    assert sorted(path.name for path in (project / "runs/embedded/acceptability/devlin").iterdir()) == [
        "cell.json",
        "seed-0001",
        "seed-0002",
        "seed-0003",
        "seed-0004",
    ]


def test_the_checkpoint_of_a_run_whose_trainer_died_after_recording_it_is_cleared(project: Path) -> None:
    train("--seeds", "1")
    left = Store(Path(".stabbench/runs")).checkpoint(cell().fingerprint(1))
    left.mkdir(parents=True)
    train("--seeds", "1-2")
    assert not left.exists()


def test_the_number_of_workers_changes_no_bit(project: Path) -> None:
    train("--workers", "1", "--store", "one")
    train("--workers", "3", "--store", "three")
    assert digests("one") == digests("three")


def test_a_pipeline_stage_whose_runs_are_there_selects_them_without_torch_pandas_or_params(project: Path) -> None:
    assert train("--seeds", "1-4").exit_code == 0
    shutil.rmtree("runs")
    (project / "params.yaml").unlink()
    heavy = ("torch", "pandas", "pydantic", "numpy", "matplotlib")
    code = f"import sys; sys.modules.update(dict.fromkeys({heavy})); from stabbench.cli import main; main()"
    words = ("train", "--model", "embedded", "--task", "acceptability", "--strategy", "devlin")
    environment = {**os.environ, "DVC_STAGE": "train@embedded-acceptability-devlin"}
    done = subprocess.run(
        [sys.executable, "-c", code, *words], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "0 trained, 4 already there" in done.stdout
    assert len(Selection.read(Path("runs")).cells[0].records) == 4


def test_stacked_seeds_give_the_same_scores(project: Path) -> None:
    train("--store", "alone")
    train("--store", "stacked", "--stacked-seeds", "4")
    for seed in cell().seeds:
        alone, stacked = (record(seed, store=name).result.final for name in ("alone", "stacked"))
        assert alone.scores == stacked.scores
        assert alone.dev_loss == pytest.approx(stacked.dev_loss, abs=1e-5)


def test_a_strategy_that_raises_for_one_seed_leaves_the_others_and_is_tried_again(
    project: Path, add_strategy: Callable[[str, str], None]
) -> None:
    body = """
def after_update(self, weights, state, ctx):
    if ctx.draws[0].seed == 3 and ctx.step == 2 and not os.path.exists("mended"):
        raise RuntimeError("seed three does not like this")
"""
    add_strategy("fussy", body)
    result = train("--strategy", "fussy")
    assert result.exit_code == 1
    assert "3 trained" in result.output
    assert "seed 3: RuntimeError: seed three does not like this" in result.output
    broken = record(3, "fussy")
    assert broken.status == "error"
    assert broken.error is not None
    assert 'raise RuntimeError("seed three does not like this")' in broken.error.traceback
    (project / "mended").touch()
    again = train("--strategy", "fussy")
    assert again.exit_code == 0
    assert "1 trained, 3 already there" in again.output


def test_a_strategy_that_raises_in_a_stack_spoils_its_own_seed_only(
    project: Path, add_strategy: Callable[[str, str], None]
) -> None:
    body = """
def after_update(self, weights, state, ctx):
    if any(draws.seed == 3 for draws in ctx.draws):
        raise RuntimeError("no")
"""
    add_strategy("fussy", body)
    result = train("--strategy", "fussy", "--stacked-seeds", "4")
    assert result.exit_code == 1
    assert [record(seed, "fussy").status == "error" for seed in (1, 2, 3, 4)] == [False, False, True, False]


def test_a_worker_that_the_system_kills_is_replaced(project: Path, add_strategy: Callable[[str, str], None]) -> None:
    body = """
def after_update(self, weights, state, ctx):
    if ctx.draws[0].seed == 2 and not os.path.exists("killed"):
        open("killed", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
"""
    add_strategy("mortal", body)
    result = train("--strategy", "mortal")
    assert result.exit_code == 0, result.output
    assert "4 trained" in result.output
    assert (project / "killed").exists()


def test_a_worker_that_is_killed_again_and_again_is_an_error(
    project: Path, add_strategy: Callable[[str, str], None]
) -> None:
    body = """
def after_update(self, weights, state, ctx):
    if ctx.draws[0].seed == 2:
        os.kill(os.getpid(), signal.SIGKILL)
"""
    add_strategy("mortal", body)
    result = train("--strategy", "mortal")
    assert result.exit_code == 1
    assert str(record(2, "mortal").error).startswith("WorkerLost: ")
    assert record(4, "mortal").finished


def test_a_loss_that_turns_nan_is_a_diverged_run_and_no_error(
    project: Path, add_strategy: Callable[[str, str], None]
) -> None:
    body = """
def training_weights(self, weights, ctx):
    if ctx.step < 3 or ctx.draws[0].seed != 1:
        return weights
    return {**weights, "classifier.bias": weights["classifier.bias"] * float("nan")}
"""
    add_strategy("wild", body)
    result = train("--strategy", "wild")
    assert result.exit_code == 0, result.output
    assert record(1, "wild").status == "diverged"
    assert record(1, "wild").result.final.scores == cell("wild").task_facts.constant.scores
    assert record(2, "wild").status != "diverged"


def test_an_unreadable_record_is_named_moved_aside_and_trained_again(project: Path) -> None:
    train()
    before = digests()
    harmed = record(2).folder / "predictions.parquet"
    harmed.write_bytes(harmed.read_bytes()[:50])
    result = train()
    assert "warning: unreadable record" in result.output
    assert "predictions.parquet" in result.output
    assert "1 trained, 3 already there" in result.output
    assert digests() == before


def test_records_that_lie_in_runs_are_adopted_when_the_store_is_empty(project: Path) -> None:
    train()
    assert "0 trained, 4 already there" in train("--store", "empty").output


def test_kept_weights_load_in_hugging_face_and_give_the_recorded_logits(project: Path) -> None:
    with (project / "params.yaml").open("a") as file:
        file.write("keep_weights: [2]\n")
    train()
    kept = record(2).weights
    assert kept is not None
    assert record(1).weights is None
    model = AutoModelForSequenceClassification.from_pretrained(kept).eval()
    tokenizer = AutoTokenizer.from_pretrained(kept)
    texts = list(PreparedTask.read(Path("data/acceptability")).dev["text_a"][:3])
    for text, logits in zip(texts, record(2).predictions()["logits"], strict=False):
        found: Any = model(**tokenizer(text, return_tensors="pt")).logits[0]
        assert found.tolist() == pytest.approx(list(logits), abs=1e-5)


def test_data_that_changed_under_the_plan_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train("--seeds", "1")
    monkeypatch.setenv("DVC_STAGE", "train")
    CliRunner().invoke(main, ["prepare"])
    params = (project / "params.yaml").read_text().replace("dev_size: 32", "dev_size: 40")
    (project / "params.yaml").write_text(params)
    assert CliRunner().invoke(main, ["prepare"]).exit_code == 0
    result = CliRunner().invoke(
        main, ["train", "--model", "embedded", "--task", "acceptability", "--strategy", "devlin"]
    )
    assert result.exit_code == 2
    assert "is not the planned one" in result.output


def test_a_record_says_where_it_was_made_outside_of_its_digest(project: Path) -> None:
    train("--seeds", "1")
    made = record(1).provenance()
    assert {"created", "device", "versions", "seconds", "stacked_seeds", "threads"} <= made.keys()
    assert "created" not in json.dumps(record(1).content.to_json())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--strategy", "mixuot"), "unknown strategy 'mixuot': did you mean 'mixout'"),
        (("--strategy", "devln"), "unknown strategy 'devln': did you mean 'devlin'"),
        (("--task", "acceptabilty"), "unknown task 'acceptabilty': did you mean 'acceptability'"),
        (("--model", "embeded"), "unknown model 'embeded': did you mean 'embedded'"),
        (("--seeds", "1-"), "1-"),
        (("--seeds", "5-3"), "5-3"),
    ],
)
def test_a_mistake_is_one_message_and_exit_status_2_before_any_work(
    project: Path, arguments: tuple[str, ...], message: str
) -> None:
    with (project / "params.yaml").open("a") as file:
        file.write("  mixout: {plugin: mixout}\n")
    result = train(*arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert not (project / ".stabbench").exists()


def test_a_worker_setting_that_is_no_number_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STABBENCH_WORKERS", "many")
    result = train()
    assert result.exit_code == 2
    assert "STABBENCH_WORKERS: found 'many'" in result.output


def test_a_precision_that_the_device_lacks_is_refused_before_any_work(project: Path) -> None:
    params = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(
        params.replace("{plugin: devlin}", "{plugin: devlin, recipe: {precision: tf32}}")
    )
    result = train()
    assert result.exit_code == 2
    assert "found precision 'tf32' on device 'cpu'" in result.output
    assert not list(project.glob(".stabbench/runs/*/*"))


def test_stacks_are_of_equal_size_and_provenance_says_how_many_were_beside(project: Path) -> None:
    train("--stacked-seeds", "3")
    assert [record(seed).provenance()["stacked_seeds"] for seed in cell().seeds] == [2, 2, 2, 2]
