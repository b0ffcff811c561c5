"""Results where they lie: each format on a small example of its shape, and one message for what cannot be read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

import stabbench
from stabbench.analysis.results import runs_of
from stabbench.cli import main
from stabbench.errors import UserError
from stabbench.readers import READERS, Found, Wanted, read
from stabbench.readers.naming import Pattern, seed_in, suggested
from stabbench.report.per_example import per_example
from tests.foreign import results_elsewhere as elsewhere
from tests.foreign.results_elsewhere import LABELS, cells, predicted, put

EXPECTED = {(strategy, seed): accuracy for strategy, seed, accuracy in cells()}


def understood(text: str | Path, **wanted: Any) -> pd.DataFrame:
    """The runs of a source, as they are compared."""
    options = Wanted(**wanted)
    found = read([str(text)], options)
    runs = runs_of(
        found.table,
        columns=options.columns,
        wide=options.wide,
        lower_is_better=found.lower,
        higher_is_better=found.higher,
    )
    return runs.runs


def scores(runs: pd.DataFrame) -> Mapping[tuple[str, int], float]:
    return {(str(row["strategy"]), int(row["seed"])): row["score"] for row in runs.to_dict("records")}


def facts(runs: pd.DataFrame, *names: str) -> tuple[str, ...]:
    """What is the same for all runs."""
    return tuple(str(value) for name in names for value in runs[name].unique())


def test_huggingface_runs_have_their_names_from_the_pattern_and_their_last_evaluation(tmp_path: Path) -> None:
    root = elsewhere.huggingface(tmp_path / "runs")
    runs = understood(root, pattern="runs/{task}/{strategy}/seed-{seed}")
    assert scores(runs) == EXPECTED
    assert facts(runs, "task", "model", "metric") == ("rte", "bert-base-uncased", "accuracy")
    losses = understood(root, pattern="{task}/{strategy}/*{seed}", metric="eval_loss")
    assert losses["score"].tolist() == [1.25 - EXPECTED[run] for run in scores(losses)]


def test_a_huggingface_run_without_results_has_those_of_its_last_checkpoint_and_its_seed_from_arguments(
    tmp_path: Path,
) -> None:
    for strategy, seed, accuracy in cells():
        folder = tmp_path / strategy / f"try {seed}"
        put(folder / "training_args.json", {"seed": seed, "metric_for_best_model": "eval_f1", "task_name": "mrpc"})
        for step, value in ((10, 0.25), (9, 0.5), (100, accuracy)):
            history = [{"eval_accuracy": 0.75, "eval_f1": value, "step": step}]
            put(folder / f"checkpoint-{step}" / "trainer_state.json", {"log_history": history})
    runs = understood(tmp_path, pattern="{strategy}/try *")
    assert scores(runs) == EXPECTED
    assert facts(runs, "task", "metric") == ("mrpc", "f1")
    assert runs["accuracy"].eq(0.75).all()


def test_a_wandb_export_is_read_by_its_columns_or_its_runs_names(tmp_path: Path) -> None:
    export = elsewhere.wandb(tmp_path / "wandb_export_2026.csv")
    by_columns = understood(export, columns={"strategy": "method"}, same={"task": "rte"})
    by_name = understood(export, pattern="{strategy}-{task}-{seed}")
    for runs in (by_columns, by_name):
        finished = runs[runs["status"] != "missing"]
        assert scores(finished) == EXPECTED
        assert facts(finished, "metric", "status") == ("eval/accuracy", "unjudged")
        assert len(runs) == len(finished) + 1
    judged = stabbench.compare(export, columns={"strategy": "method"}, same={"task": "rte"}, majority={"rte": 0.625})
    rows = judged.stability.set_index("strategy")
    assert rows["failed"].to_dict() == {"mosbach": 0, "devlin": 2}
    assert (rows["n"]["mosbach"], rows["planned"]["mosbach"]) == (3, 4)
    assert any("did not come to its end" in note for note in judged.notes)


@pytest.mark.parametrize("steps", [False, True])
def test_a_trackio_plot_is_read_by_the_names_of_its_runs(tmp_path: Path, steps: bool) -> None:
    path = tmp_path / "eval_accuracy.csv"
    lines = ["step,eval/accuracy,series_key,run"] if steps else ["run,eval/accuracy"]
    for strategy, seed, accuracy in cells():
        name = f"rte-{strategy}-{seed}"
        lines += [f"20,{accuracy},{name}-id,{name}", f"10,0.25,{name}-id,{name}"] if steps else [f"{name},{accuracy}"]
    path.write_text("\n".join(lines))
    runs = understood(path, pattern="{task}-{strategy}-{seed}")
    assert scores(runs) == EXPECTED
    assert facts(runs, "metric") == ("eval/accuracy",)


def test_lm_evals_results_leave_groups_out_and_have_samples(tmp_path: Path) -> None:
    root = elsewhere.lm_eval(tmp_path / "lm_eval")
    runs = understood(root, pattern="runs/{strategy}/seed-{seed}")
    assert scores(runs) == EXPECTED
    assert facts(runs, "task", "metric", "model") == ("boolq", "acc", "the model")
    check_right(read([str(root)], Wanted(pattern="runs/{strategy}/seed-{seed}")))


def test_inspects_logs_have_their_solver_seed_and_samples(tmp_path: Path) -> None:
    root = elsewhere.inspect(tmp_path / "logs")
    columns = {"strategy": "solver"}
    runs = understood(root, columns=columns)
    assert scores(runs) == EXPECTED
    assert facts(runs, "task", "model", "metric") == ("arithmetic", "hf/tiny", "accuracy")
    check_right(read([str(root)], Wanted(columns=columns)))
    (root / "2026.eval").write_bytes(b"PK\x03\x04")
    with pytest.raises(UserError, match="inspect log convert --to json"):
        read([str(root)], Wanted(columns=columns))


def check_right(found: Found) -> None:
    """That of each run it is known which of the eight examples are right."""
    assert [item["correct"].mean() for item in found.items if item is not None] == found.table["score"].tolist()
    assert len(found.items) == len(EXPECTED)


def test_pefts_comparison_has_experiments_as_strategies_and_the_test_sets_accuracy(tmp_path: Path) -> None:
    runs = understood(elsewhere.peft(tmp_path))
    assert {
        (strategy.removeprefix("lora/"), seed): score for (strategy, seed), score in scores(runs).items()
    } == EXPECTED
    assert facts(runs, "task", "model", "metric") == ("MetaMathQA", "tiny/llama", "test accuracy")


def test_benchopts_solvers_count_with_the_last_point_of_their_curves(tmp_path: Path) -> None:
    path = elsewhere.benchopt(tmp_path / "outputs" / "benchopt_run.parquet")
    runs = understood(tmp_path, metric="test_accuracy")
    assert {(strategy, seed + 1): score for (strategy, seed), score in scores(runs).items()} == EXPECTED
    found = stabbench.compare(path)
    assert found.runs["score"].tolist() == [accuracy + 1 for accuracy in EXPECTED.values()]
    assert found.stability.set_index("strategy").loc["devlin", "best_mean"]  # its value is the lower one


@pytest.mark.parametrize("shape", ["records", "list", "columns", "index", "split", "table"])
def test_a_json_document_is_a_table_in_any_of_its_shapes(tmp_path: Path, shape: str) -> None:
    table = pd.DataFrame([{"strategy": s, "task": "rte", "seed": n, "score": a} for s, n, a in cells()])
    path = tmp_path / "results.json"
    if shape == "list":
        path.write_text(json.dumps(table.to_dict("list")))
    else:
        table.to_json(path, orient=shape)  # type: ignore[call-overload]
    assert scores(understood(path)) == EXPECTED


def test_several_results_are_put_together_each_with_its_own_columns(tmp_path: Path) -> None:
    mosbach, devlin = tmp_path / "a.csv", tmp_path / "b.json"
    rows = [{"method": s, "task": "rte", "seed": n, "accuracy": a} for s, n, a in cells()]
    pd.DataFrame(rows[:3]).to_csv(mosbach, index=False)
    put(devlin, [{"strategy": row["method"], **row, "score": row["accuracy"]} for row in rows[3:]])
    columns = {"strategy": "method", "score": "accuracy"}
    assert scores(stabbench.compare([mosbach, devlin], columns=columns).runs) == EXPECTED


def test_predictions_beside_runs_give_per_point_stability_and_failures_as_records_do(tmp_path: Path) -> None:
    root = elsewhere.huggingface(tmp_path / "runs", predictions=True)
    result = CliRunner().invoke(
        main, ["compare", str(root), "--pattern", "{task}/{strategy}/seed-{seed}", "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 0, result.output
    assert "counted in the labels beside the predictions: rte 0.625" in result.stderr
    table = pd.read_csv(tmp_path / "out" / "studies" / "example-stability" / "stability.csv").set_index("strategy")
    for strategy, rows in table.iterrows():
        right = [[a == b for a, b in zip(LABELS, predicted(EXPECTED[str(strategy), seed], seed), strict=True)]
                 for seed in (1, 2, 3)]  # fmt: skip
        assert rows["value"] == pytest.approx(pd.DataFrame(right).astype(float).var().mean(), rel=1e-5)
    assert table["runs_successful"].to_dict() == {"mosbach": 3, "devlin": 1}
    pairs = stabbench.compare(root, pattern="{task}/{strategy}/seed-{seed}").pairs
    assert pairs["p_paired_mcnemar"].tolist() == [0.5]  # two seeds, on which devlin alone failed


def test_a_table_of_predictions_beside_a_table_of_scores_is_the_same(tmp_path: Path) -> None:
    table = pd.DataFrame([{"strategy": s, "task": "rte", "seed": n, "score": a} for s, n, a in cells()])
    rows = [
        {"strategy": s, "task": "rte", "seed": n, "example": f"q{place}", "label": label, "prediction": guess}
        for s, n, a in cells()
        for place, (label, guess) in enumerate(zip(LABELS, predicted(a, n), strict=True))
    ]
    found = stabbench.compare(table, predictions=pd.DataFrame(rows))
    assert found.stability.set_index("strategy")["failed"].to_dict() == {"mosbach": 0, "devlin": 2}
    assert {place.strategy: len(item.examples) for place, item in per_example(found.content).outcomes.items()} == {
        "mosbach": 8,
        "devlin": 8,
    }
    with pytest.raises(UserError, match="of a run that the scores have not: task rte, strategy devlin, seed 3"):
        stabbench.compare(table[:-1], predictions=pd.DataFrame(rows))


def test_predicted_numbers_are_no_classes(tmp_path: Path) -> None:
    table = pd.DataFrame(
        [{"strategy": s, "task": "stsb", "seed": n, "score": a, "metric": "pearson"} for s, n, a in cells()]
    )
    rows = [
        {"strategy": s, "task": "stsb", "seed": n, "example": place, "label": place / 4, "prediction": place / 4 + a}
        for s, n, a in cells()
        for place in range(8)
    ]
    content = stabbench.compare(table, predictions=pd.DataFrame(rows)).content
    assert {type(found).__name__ for found in per_example(content).outcomes.values()} == {"PredictedNumbers"}


def test_a_folder_without_names_says_which_patterns_may_be_meant(tmp_path: Path) -> None:
    root = elsewhere.huggingface(tmp_path / "runs")
    shutil.copytree(root / "rte", root / "cola")
    with pytest.raises(UserError) as error:
        read([str(root)], Wanted())
    text = str(error.value)
    assert "no strategy and no task is known of its 12 runs" in text
    offered = [part.split("'")[0] for part in text.split("--pattern '")[1:]]
    assert [pattern.rpartition("runs/")[2] for pattern in offered] == [
        "{task}/{strategy}/seed-{seed}",
        "{strategy}/{task}/seed-{seed}",
    ]
    assert set(understood(root, pattern=offered[0])["task"]) == {"rte", "cola"}


def test_runs_that_cannot_be_read_are_told_all_at_once(tmp_path: Path) -> None:
    root = elsewhere.huggingface(tmp_path / "runs")
    for seed in (1, 2, 3):
        (root / "rte" / "devlin" / f"seed-{seed}" / "all_results.json").write_text("{")
    with pytest.raises(UserError) as error:
        read([str(root)], Wanted(pattern="{task}/{strategy}/seed-{seed}"))
    assert len(error.value.messages) == 3
    assert all("not readable as JSON" in message for message in error.value.messages)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"pattern": "results/{task}/{strategy}"}, r"matches none of 6 runs; one of them is .*runs/rte/devlin/seed-1"),
        ({"pattern": "{task}/{stratgy}"}, "unknown name of --pattern .*'stratgy': did you mean 'strategy'"),
        ({"pattern": "{task}/{strategy}/seed-{seed}", "metric": "f1"}, "unknown --metric of .*Known: accuracy, loss"),
    ],
)
def test_what_fits_no_run_is_told_with_what_was_found(tmp_path: Path, wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read([str(elsewhere.huggingface(tmp_path / "runs"))], Wanted(**wanted))


def test_a_seed_that_was_run_twice_is_named_by_its_folders(tmp_path: Path) -> None:
    root = elsewhere.huggingface(tmp_path / "runs")
    shutil.copytree(root / "rte" / "devlin" / "seed-1", root / "old" / "rte" / "devlin" / "seed-1")
    with pytest.raises(UserError, match=r"runs/rte/devlin/seed-1 \(devlin on rte, seed 1\).*old/rte/devlin/seed-1"):
        stabbench.compare(root, pattern="{task}/{strategy}/seed-{seed}")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: (folder / "a.bin").write_bytes(b"\0\1\2"), r"a.bin: no reader knows this file: it begins with"),
        (lambda folder: (folder / "a.bin").mkdir(), r"no reader knows what this folder holds: it is empty"),
        (
            lambda folder: put(folder / "a.bin" / "x.json", {}),
            r"no reader knows what this folder holds: it holds x.json",
        ),
        (lambda folder: None, r"a.bin: there is no such file or folder$"),
    ],
)
def test_what_no_reader_knows_is_told_with_what_it_holds_and_all_readers(
    tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    make(tmp_path)
    with pytest.raises(UserError, match=message) as error:
        read([str(tmp_path / "a.bin")], Wanted())
    if "no reader" in message:
        assert all(f"\n  {name}: " in str(error.value) for name in READERS.names())


def test_a_folder_of_two_formats_asks_for_the_reader(tmp_path: Path) -> None:
    elsewhere.huggingface(tmp_path / "runs")
    elsewhere.peft(tmp_path)
    with pytest.raises(UserError, match="huggingface and peft alike; say which to read: --reader huggingface or"):
        read([str(tmp_path)], Wanted())
    assert len(read([str(tmp_path)], Wanted(), reader="peft").table) == len(EXPECTED)


def test_a_pattern_stands_anywhere_in_a_path_and_a_seed_is_digits() -> None:
    pattern = Pattern("{task}/{strategy}-s{seed}")
    found = pattern.match(["rte/mosbach", "out/rte/bias-s-fix-s12/final"])
    assert found is not None
    assert found.names == {"task": "rte", "strategy": "bias-s-fix", "seed": "12"}
    assert pattern.match(["out/rte/mosbach-sx"]) is None
    deep = Pattern("**/{model}/*/{seed}").match(["a/b/bert/x/3"])
    assert deep is not None
    assert deep.names == {"model": "bert", "seed": "3"}
    assert [seed_in(text) for text in ("x/seed_3", "Seed12-b", "unseeded4", "seed-1/seed-2")] == [3, 12, None, None]


@pytest.mark.parametrize(
    ("paths", "patterns"),
    [
        (["r/a/1", "r/a/2", "r/b/1"], ["r/{strategy}/{seed}"]),
        (["r/rte/a/seed_1", "r/rte/b/seed_1"], ["r/{task}/{strategy}/seed_{seed}"]),
        (["a-rte-1", "b-cola-2"], ["{task}-{strategy}-{seed}", "{strategy}-{task}-{seed}"]),
        (["x/a.json", "x/b.json"], []),
    ],
)
def test_patterns_are_suggested_by_what_varies(paths: list[str], patterns: list[str]) -> None:
    assert suggested(paths) == patterns
