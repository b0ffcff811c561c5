"""No strategy is called the most stable without a spread, a rival or a test: a std of 0 is no stability."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import stabbench
from stabbench.analysis.distinct_scores import Grid, few_distinct
from stabbench.analysis.seed_sanity import CAUSES, NEARLY, seedless_cells
from stabbench.analysis.spread import ROUNDING, is_constant
from stabbench.files import sha256_of_json
from stabbench.report.comparison import Comparison
from stabbench.report.content import gather
from stabbench.report.layout import blocks
from stabbench.report.metrics import metrics, statistics
from stabbench.report.summary import summary
from stabbench.tracking.cells import summary as tracked
from stabbench.tracking.entries import Entry
from tests.analysis.synthetic import DIVERGED, SyntheticCell, write_runs

STEADY = [0.871, 0.874, 0.866, 0.880, 0.869, 0.877, 0.872, 0.868, 0.875, 0.879, 0.870, 0.873]
WILD = [0.81, 0.90, 0.86, 0.79, 0.88, 0.92, 0.84, 0.77, 0.91, 0.87, 0.80, 0.85]
EXACT = 358 / 408


def compared(cells: Mapping[str, Sequence[float]], task: str = "mrpc", **more: object) -> Comparison:
    """The comparison of strategies with these scores, seeds from 1 on; `more` are columns or options."""
    options = {name: more.pop(name) for name in ("majority", "nan") if name in more}
    rows = [
        {"strategy": name, "task": task, "seed": seed, "score": score}
        for name, scores in cells.items()
        for seed, score in enumerate(scores, start=1)
    ]
    return stabbench.compare(pd.DataFrame(rows).assign(**more), **options)  # type: ignore[arg-type]


def row(found: Comparison, strategy: str) -> pd.Series:
    return found.stability[found.stability["strategy"] == strategy].iloc[0]


def answer(found: Comparison) -> str:
    return found.answers["the model"]


CONSTANT: Mapping[str, Sequence[float]] = {
    "exactly": [EXACT] * 12,
    "in double precision": [EXACT * (1 + 2e-16 * (seed % 2)) for seed in range(12)],
    "in single precision": [float(np.float32(EXACT + 2e-8 * (seed % 3))) for seed in range(12)],
    "around nothing": [1e-17 * (seed % 3) for seed in range(12)],
}


@pytest.mark.parametrize("scores", CONSTANT.values(), ids=CONSTANT)
def test_a_constant_cell_is_never_best_second_or_bold_and_decides_no_headline(scores: Sequence[float]) -> None:
    found = compared({"constant": scores, "steady": STEADY, "wild": WILD})
    constant, steady = row(found, "constant"), row(found, "steady")
    assert constant["std"] == 0
    assert not constant[["eligible", "best_std", "best_mean", "best_max", "star"]].any()
    assert (steady["best_std"], steady["rival"]) == (True, "wild")
    assert answer(found).startswith("steady has the smallest standard deviation on mrpc, significantly")
    assert (
        row(compared({"constant": scores, "wild": WILD, "steady": STEADY}), "steady")["p_spread"] == steady["p_spread"]
    )


def test_a_constant_cell_is_shown_and_named() -> None:
    found = compared({"constant": [EXACT] * 12, "steady": STEADY, "wild": WILD})
    (line,) = (text for text in found.to_markdown().splitlines() if text.startswith("| constant"))
    assert line.startswith("| constant | 0.0 | 87.7 | 87.7 |")
    assert "constant on mrpc (all 12 scores are the same)" in " ".join(found.warnings)
    assert r"constant & 0.0 & 87.7" in found.to_latex()


def test_neither_metrics_nor_summary_nor_mlflow_name_a_constant_cell_as_best(tmp_path: Path) -> None:
    found = compared({"constant": [EXACT] * 12, "steady": STEADY, "wild": WILD})
    assert metrics(statistics(found.content))["smallest_std"]["the model"]["mrpc"]["strategy"] == "steady"
    assert "| constant | 0.0 | 87.7 |" in summary(found.content)
    (selected,) = write_runs(tmp_path / "runs", [SyntheticCell([EXACT] * 2)])
    shown = {str(name): value for name, value in row(found, "constant").items()}
    tags = tracked(Entry(selected, None, {}, shown), {}).tags
    assert (tags["best_std"], tags["second_smallest_std"], tags["star"]) == ("no", "no", "no")


def test_the_smallest_difference_that_a_dev_set_can_show_is_no_rounding() -> None:
    assert not is_constant([0.5, 0.5 + 1 / 40_430])
    assert not is_constant([0.001, 0.001 + 2 * ROUNDING])
    assert is_constant([0.93, 0.93 * (1 + ROUNDING / 2)])


def test_a_dead_cell_of_correlations_is_judged_by_the_metric_and_no_test_is_told_as_not_significant() -> None:
    found = compared({"dead": [0.0] * 12, "alive": WILD}, task="cola", metric="mcc")
    assert (row(found, "dead")["failed"], row(found, "alive")["failed"]) == (12, 0)
    assert not found.stability[["best_std", "best_mean", "best_max", "star"]].any(axis=None)
    assert "There is nothing to compare: dead failed in all of its 12 runs; alive alone is left" in answer(found)
    assert "significantly" not in answer(found)
    assert found.pairs[["p_levene_median", "p_spread", "std_ratio"]].isna().all(axis=None)


def test_the_page_says_not_available_where_nobody_knows(tmp_path: Path) -> None:
    compared({"only": STEADY}).report(tmp_path)
    assert "<td>None</td>" not in (tmp_path / "index.html").read_text()


def test_one_strategy_alone_is_described_and_not_crowned() -> None:
    found = compared({"only": STEADY})
    assert answer(found).startswith(
        "only is the only strategy, so there is nothing to compare it with: std 0.4, from 86.6 to 88.0, IQR "
    )
    assert not found.stability[["best_std", "best_mean", "best_max", "star"]].any(axis=None)
    assert "**0" not in found.to_markdown()
    assert r"\textbf" not in found.to_latex()


def test_one_strategy_alone_on_many_tasks_is_described_in_few_words() -> None:
    tasks = [pd.DataFrame({"task": f"task-{number}", "seed": range(12), "score": STEADY}) for number in range(38)]
    found = stabbench.compare(pd.concat(tasks).assign(strategy="only"))
    assert not found.stability["best_std"].any()
    assert len(answer(found)) < 700
    assert "and 33 more" in answer(found)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"a": STEADY, "b": [EXACT] * 12}, "b has the same score in all of its 12 runs; a alone is left"),
        ({"a": STEADY, "b": [0.3] * 5 + [0.2] * 7}, "b failed in all of its 12 runs; a alone is left"),
        ({"a": STEADY, "b": [0.8]}, "b has one finished run; a alone is left"),
        ({"a": [0.8], "b": [0.9]}, "none can be called stable: a has one finished run and b has one finished run"),
    ],
)
def test_of_two_strategies_of_which_one_cannot_be_compared_the_reason_is_said(
    cells: Mapping[str, Sequence[float]], reason: str
) -> None:
    found = compared(cells, majority={"mrpc": 0.5})
    assert reason in answer(found)
    assert not found.stability[["best_std", "best_mean", "best_max"]].any(axis=None)


@pytest.mark.parametrize("seeds", [2, 5, 9])
def test_what_cannot_be_tested_is_never_told_as_not_significant(seeds: int) -> None:
    found = compared({"a": STEADY[:seeds], "b": WILD[:seeds]}, majority={"mrpc": 0.5})
    assert "on mrpc, which cannot be tested: fewer than 10 seeds." in answer(found)
    assert "not significantly" not in answer(found)
    (block,) = blocks(found.content)
    (entry,) = block.rows[0].entries
    assert entry is not None
    assert entry.note == "a has the smallest std, which cannot be tested: fewer than 10 seeds"


def test_a_smallest_std_without_a_larger_one_to_test_it_against_is_said_to_be_that() -> None:
    mostly_failed = [0.49] * 7 + [0.5, 0.51, 0.51, 0.52, 0.51]
    found = compared({"a": WILD, "b": mostly_failed}, majority={"mrpc": 0.5})
    assert row(found, "a")["best_std"]
    assert "a has the smallest standard deviation on mrpc, which cannot be tested: no other strategy" in answer(found)


def test_only_what_was_tested_is_called_not_significant() -> None:
    rivals = {"a": STEADY, "b": [score + 0.001 * (index % 3) for index, score in enumerate(STEADY)]}
    assert "not significantly smaller than the second smallest" in answer(compared(rivals))


# Seed sanity


def seedless(found: Comparison) -> list[str]:
    return [cell[2] for cell in found.content.seedless]


@pytest.mark.parametrize(
    "scores",
    [
        [EXACT] * 12,
        [EXACT] * 11 + [0.86],
        [0.66, 0.74, 0.83] * 4,
        [0.7, 0.7312, 0.7544, 0.7725, 0.7861] * 5,
    ],
    ids=["all", "nearly all", "three runs four times", "five runs five times"],
)
def test_scores_that_hardly_differ_over_seeds_are_a_warning_that_names_the_usual_causes(scores: list[float]) -> None:
    scores = [round(score * 408) / 408 for score in scores]
    wild, steady = ([round(score * 408) / 408 for score in given] for given in (WILD, STEADY))
    found = compared({"copied": scores, "wild": wild, "steady": steady}, majority={"mrpc": 0.5})
    assert seedless(found) == ["copied"]
    (warning,) = (text for text in found.warnings if text.startswith("The seed changes nothing"))
    assert "copied on mrpc (" in warning
    for cause in ("set after the head was drawn", "data_seed", "cached", "copied"):
        assert cause in warning
    assert CAUSES in warning
    assert not row(found, "copied")[["eligible", "best_std", "best_mean", "best_max"]].any()
    assert row(found, "steady")["rival"] == "wild"


def test_failed_runs_that_share_the_trivial_score_are_no_fault_of_the_seed() -> None:
    half_failed = [0.527] * 15 + [0.64, 0.66, 0.67, 0.65, 0.68, 0.63, 0.66, 0.69, 0.70, 0.62]
    assert seedless(compared({"a": half_failed, "b": WILD}, majority={"mrpc": 0.527})) == []
    assert seedless(compared({"a": half_failed, "b": WILD})) == []
    assert seedless(compared({"a": [0.0] * 25, "b": WILD}, metric="mcc")) == []


def honest(
    random: np.random.Generator, dev: int, seeds: int, failing: float, level: float
) -> tuple[list[float], float]:
    """Accuracies of runs that differ in a few examples of a dev set; a share fails with exactly the majority's."""
    majority = round(0.53 * dev) / dev
    easy = random.random(dev) < level
    chances = np.where(easy, 0.97, random.random(dev))
    scores = [float((random.random(dev) < chances).mean()) for _ in range(seeds)]
    failed = random.random(seeds) < failing
    return [majority if bad else score for score, bad in zip(scores, failed, strict=True)], majority


@pytest.mark.parametrize("judged", [True, False])
def test_honest_accuracies_on_small_dev_sets_are_hardly_ever_called_seedless(judged: bool) -> None:
    random = np.random.default_rng(0)
    alarms = cells = 0
    for dev in (40, 64, 100, 128):
        for seeds in (10, 15, 25):
            for failing in (0.0, 0.3, 0.6):
                rows = []
                for number in range(25):
                    scores, majority = honest(random, dev, seeds, failing, level=0.6 + 0.3 * (number % 2))
                    rows += [
                        {"strategy": f"s{number}", "task": "t", "seed": seed, "score": score, "accuracy": score,
                         "failed": score <= majority if judged else pd.NA, "majority": majority if judged else np.nan}
                        for seed, score in enumerate(scores)
                    ]  # fmt: skip
                runs = pd.DataFrame(rows).assign(model="m", status="ok", metric="accuracy", result_digest="")
                alarms += len(seedless_cells(runs))
                cells += 25
    assert cells == 900
    assert alarms <= 2


def test_too_few_distinct_scores_are_found_where_their_grid_is_fine_and_excused_where_it_is_coarse() -> None:
    random = np.random.default_rng(1)
    found = [
        few_distinct(np.repeat(np.round(16 * random.standard_normal(5) + 300), 5) / 408, Grid(1 / 408))
        for _ in range(100)
    ]
    assert np.mean([count > 0 for count in found]) > 0.4
    assert few_distinct(np.array([0.80, 0.825, 0.85, 0.825, 0.80] * 5), Grid(1 / 40)) == 0
    assert few_distinct(np.array([0.5] * 8 + [0.9] * 8), Grid(1 / 1000)) == 0


@pytest.mark.parametrize(
    ("scores", "step"),
    [
        (np.arange(200, 230) / 277, 1 / 277),
        (np.round(np.arange(200, 230) / 277, 4), 1 / 277),
        (np.random.default_rng(0).random(30), float("nan")),
    ],
)
def test_the_grid_of_accuracies_is_found_by_themselves_or_said_to_be_unknown(scores: np.ndarray, step: float) -> None:
    assert Grid.of(scores, counted=True).step == pytest.approx(step, nan_ok=True)


def test_losses_printed_in_few_digits_lie_on_the_grid_of_the_last_one() -> None:
    assert Grid.of(np.array([0.2866, 0.31, 1.2]), counted=False).step == pytest.approx(1e-4)


def test_nearly_all_means_nine_of_ten() -> None:
    assert NEARLY == 0.9
    scores = [0.8] * 8 + [0.7995, 0.8004]
    assert seedless(compared({"a": scores, "b": WILD}, majority={"mrpc": 0.5})) == []


# Records


def reported(folder: Path, *cells: SyntheticCell) -> Callable[[str], list[str]]:
    write_runs(folder / "runs", cells)
    content = gather(folder / "runs", incomplete=True, levene_center="median", alpha=0.001)
    return lambda strategy: [why for cell, why in content.seedless.items() if cell[2] == strategy]


def test_records_of_honest_runs_are_not_suspected_even_where_many_failed_or_diverged(tmp_path: Path) -> None:
    scores = [*np.linspace(0.4, 0.6, 6), *[0.0] * 12, *[DIVERGED] * 3]
    assert reported(tmp_path, SyntheticCell([float(score) for score in scores]))("devlin") == []


@pytest.mark.parametrize(
    ("file", "why"), [("history.parquet", "same learning curves"), ("predictions.parquet", "same predictions")]
)
def test_records_with_one_curve_or_the_same_predictions_are_named_and_never_best(
    tmp_path: Path, file: str, why: str
) -> None:
    copied = SyntheticCell([0.40, 0.45, 0.52, 0.43] * 3, strategy="copied")
    other = SyntheticCell([0.31, 0.55, 0.62, 0.23] * 3, strategy="other")
    third = SyntheticCell([0.33, 0.75, 0.22, 0.63] * 3, strategy="third")
    selected = write_runs(tmp_path / "runs", [copied, other, third])
    _share(selected[0].records[1].folder, selected[0].records[2].folder, file)
    content = gather(tmp_path / "runs", incomplete=True, levene_center="median", alpha=0.001)
    assert content.seedless == {("synthetic", "acceptability", "copied"): f"seeds 1 and 2 have the {why}"}
    rows = content.table.set_index("strategy")
    assert (rows["best_std"]["other"], rows["rival"]["other"]) == (True, "third")


def _share(source: Path, target: Path, file: str) -> None:
    """Put a record's file into another record, which then says that it is its own."""
    (target / file).write_bytes((source / file).read_bytes())
    data = json.loads((target / "record.json").read_text())
    del data["seal"]
    data["files"][file] = json.loads((source / "record.json").read_text())["files"][file]
    (target / "record.json").write_text(json.dumps({**data, "seal": sha256_of_json(data)}))


@pytest.mark.parametrize(
    ("metric", "step"), [("accuracy", 2e-7), ("pearson", 5e-7), ("loss", 5e-7)], ids=["accuracy", "pearson", "loss"]
)
def test_scores_that_differ_as_one_run_does_on_other_hardware_are_no_spread(metric: str, step: float) -> None:
    close = [0.7 + step * seed for seed in range(12)]
    found = compared({"close": close, "steady": STEADY, "wild": WILD}, metric=metric)
    assert not row(found, "close")[["eligible", "best_std", "star"]].any()
    assert row(found, "steady")["best_std"]
    assert any("within" in sentence and "of each other" in sentence for sentence in found.warnings)
    apart = [0.7 + 2e-3 * seed for seed in range(12)]
    assert row(compared({"apart": apart, "wild": WILD}, metric=metric), "apart")["best_std"]


def test_strategies_with_the_same_score_under_every_seed_are_named_and_tie() -> None:
    found = compared({"a": STEADY, "b": STEADY, "c": WILD})
    assert "a and b each have the smallest standard deviation on mrpc, a tie." in answer(found)
    (named,) = (sentence for sentence in found.warnings if "same score under every seed" in sentence)
    assert "a and b on mrpc" in named
    other = compared({"a": STEADY, "b": [*STEADY[1:], STEADY[0]], "c": WILD})
    assert not any("under every seed" in sentence for sentence in other.warnings)


def test_a_strategy_without_runs_on_a_task_is_why_there_is_no_contest_there() -> None:
    here, there = compared({"a": STEADY, "b": WILD}).runs, compared({"a": WILD}, task="cola").runs
    used = ["strategy", "task", "seed", "score"]
    found = stabbench.compare(pd.concat([here[used], there[used]]).astype({"strategy": str, "task": str}))
    assert "There is nothing to compare on cola: b has no runs on cola; a alone is left, std" in answer(found)


def test_where_all_strategies_failed_alike_no_single_one_is_named_for_it() -> None:
    none = compared({"a": STEADY, "b": WILD}, failed=True)
    assert answer(none).endswith("All 24 runs failed.")
    half = compared({"a": STEADY, "b": WILD}, failed=[True, False] * 12)
    assert answer(half).endswith("Of the 24 runs 12 failed, of every strategy the same share.")


def test_runs_that_nobody_judged_are_not_said_to_be_unfinished() -> None:
    gaps = {"a": STEADY, "b": [*WILD[:6], *[float("nan")] * 6]}
    assert "No run has finished" not in answer(compared(gaps, nan="missing"))
    assert answer(compared(gaps, nan="missing")).endswith("Nobody says which runs failed.")
