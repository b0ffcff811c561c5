"""The noise of dev sets in the report: its chapter, its warning, and the command that asks of one recipe."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from stabbench.cli import main
from stabbench.report.comparison import Comparison, compare
from stabbench.report.grid import LISTED
from stabbench.report.section import Section
from stabbench.report.sections import noise
from stabbench.report.warnings import warnings_of

EXAMPLES, SEEDS = 300, 20


def tables(stds: dict[str, float], runs: int = SEEDS) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores and predictions of strategies whose runs' abilities have these standard deviations."""
    random = np.random.default_rng(0)
    labels, difficulties = random.integers(0, 2, EXAMPLES), random.normal(0, 1, EXAMPLES)
    scores, answers = [], []
    for strategy, std in stds.items():
        for seed in range(1, runs + 1):
            chances = 1 / (1 + np.exp(-(1.5 + random.normal(0, std) + difficulties)))
            right = random.random(EXAMPLES) < chances
            run = {"strategy": strategy, "task": "cola", "seed": seed}
            scores.append({**run, "score": right.mean(), "metric": "accuracy"})
            predicted = np.where(right, labels, 1 - labels)
            answers.append(pd.DataFrame({**run, "example": range(EXAMPLES), "label": labels, "prediction": predicted}))
    return pd.DataFrame(scores), pd.concat(answers, ignore_index=True)


@pytest.fixture(scope="module")
def compared() -> Comparison:
    scores, answers = tables({"steady": 0.0, "wild": 1.0})
    return compare(scores, predictions=answers)


@pytest.fixture(scope="module")
def section(compared: Comparison) -> Section:
    return noise.section(compared.content)


def test_of_many_pairs_the_page_has_the_smallest_p_and_the_data_have_all() -> None:
    names = [f"recipe-{number}" for number in range(12)]
    scores, answers = tables(dict.fromkeys(names, 0.3), runs=6)
    found = noise.section(compare(scores, predictions=answers).content)
    (_, (caption, shown)), every = found.tables, found.data["noise-pairs"]
    assert len(every) == 66
    assert every["p_beyond"].nunique() > 1
    assert "Those 60 of 66 pairs that have the smallest p." in caption
    least = every.sort_values("p_beyond", kind="stable").head(LISTED)
    assert [row[1] for row in shown.rows] == [f"{row.strategy_a}, {row.strategy_b}" for row in least.itertuples()]


def test_a_chapter_says_which_spreads_are_told_from_the_noise(section: Section) -> None:
    assert len(section.found) == 1
    assert "beyond the floor spread wild by" in section.found[0]
    assert "not distinguishable from 0 beyond it: steady (at most" in section.found[0]
    assert [row[-1] for row in section.tables[0][1].rows] == ["no", "yes"]


def test_its_numbers_are_those_of_the_definition(section: Section, compared: Comparison) -> None:
    table = section.data["noise"].set_index("strategy")
    assert table.loc["wild", "std"] == pytest.approx(compared.stability.set_index("strategy").loc["wild", "std"])
    row = table.loc["wild"]
    inner = (EXAMPLES * row["std"] ** 2 - EXAMPLES * row["floor"] ** 2) / (EXAMPLES - 1)
    assert row["beyond"] ** 2 == pytest.approx(inner)
    assert row["beyond_low"] < row["beyond"] < row["beyond_high"]


def test_strategies_that_differ_beyond_the_noise_have_a_small_p(section: Section) -> None:
    (pair,) = section.data["noise-pairs"].to_dict("records")
    assert (pair["strategy_a"], pair["strategy_b"]) == ("steady", "wild")
    assert pair["p_beyond"] == pair["p_beyond_holm"] < 0.01


def test_a_cell_that_is_mostly_noise_is_warned_of_with_the_way_out(compared: Comparison) -> None:
    (warning,) = (item for item in warnings_of(compared.content) if item.kind == "noise")
    assert [place.strategy for place, _ in warning.about] == ["steady"]
    assert "over half of the variance over seeds in 1 cell of 2" in warning.sentence


def test_scores_that_predictions_do_not_give_are_said_to_be_so() -> None:
    scores, answers = tables({"wild": 1.0, "other": 1.0})
    scores.loc[scores["strategy"] == "other", "score"] /= 2
    found = noise.section(compare(scores, predictions=answers).content)
    assert "predictions do not say how the scores came about" in found.found[-1]
    assert found.found[-1].endswith("cola/other.")


def test_without_predictions_there_is_no_such_chapter() -> None:
    scores, _ = tables({"wild": 1.0})
    content = compare(scores).content
    assert not content.predicted
    assert not [item for item in warnings_of(content) if item.kind == "noise"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    scores, answers = tables({"steady": 0.0, "wild": 1.0})
    scores.to_csv(folder / "scores.csv", index=False)
    answers.to_parquet(folder / "answers.parquet")
    return folder


def asked(files: Path, *options: str) -> str:
    arguments = ["noise", str(files / "scores.csv"), "--predictions", str(files / "answers.parquet"), *options]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_answers_whether_a_difference_is_within_the_noise(files: Path) -> None:
    said = asked(files, "--strategy", "wild", "--difference", "0.4")
    assert "a difference of 0.4 with 1 seed each is within the noise of the seeds" in said
    assert "steady" not in said
    assert "is more than the noise of the seeds" in asked(files, "--strategy", "wild", "--difference", "60")


@pytest.mark.parametrize("difference", ["0.02", "0.125", "4e-4"])
def test_a_difference_is_repeated_with_its_own_digits(difference: str, files: Path) -> None:
    assert f"a difference of {difference} with" in asked(files, "--strategy", "wild", "--difference", difference)


def test_it_says_the_same_to_programs(files: Path) -> None:
    steady, wild = json.loads(asked(files, "--json", "--difference", "5", "--seeds", "3"))
    assert (steady["strategy"], wild["strategy"]) == ("steady", "wild")
    assert not steady["noise"]["distinguishable"]
    assert wild["noise"]["distinguishable"]
    assert wild["difference"]["difference"] == pytest.approx(0.05)
    assert wild["margins"]["1"] == pytest.approx(1.959964 * 2**0.5 * wild["std"], rel=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--strategy", "wyld"], "unknown strategy 'wyld': did you mean 'wild'"),
        (["--difference", "0"], "the difference is 0, expected a number above 0"),
        (["--difference", "inf"], "the difference is inf, expected a number above 0"),
        (["--seeds", "0"], "0 is not in the range"),
        (["--difference", "1", "--seeds", "1000000000"], "1000000000 is not in the range 1<=x<=10000"),
    ],
)
def test_a_mistake_is_told_before_anything_is_counted(files: Path, options: list[str], message: str) -> None:
    result = CliRunner().invoke(main, ["noise", str(files / "scores.csv"), *options])
    assert result.exit_code == 2
    assert message in result.output


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        (1.0, "by its predictions seed 3 scores 0.8"),
        (0.5, "noise of 300 dev examples"),
        (0.05, "n/a, predictions of 1 of 20 runs, expected those of two or more"),
        (0.0, "n/a, predictions of none of 20 runs"),
    ],
)
def test_predictions_that_do_not_tell_say_why(kept: float, message: str, tmp_path: Path) -> None:
    scores, answers = tables({"wild": 1.0, "other": 1.0})
    if kept == 1.0:
        scores.loc[scores["seed"] == 3, "score"] += 0.1
    answers = answers[(answers["seed"] <= kept * SEEDS) | (answers["strategy"] == "other")]
    scores.to_csv(tmp_path / "scores.csv", index=False)
    answers.to_parquet(tmp_path / "answers.parquet")
    assert message in asked(tmp_path, "--strategy", "wild")
    assert ("noise_unknown" in json.loads(asked(tmp_path, "--strategy", "wild", "--json"))[0]) is (kept != 0.5)


def test_equal_scores_are_said_to_be_suspicious_and_no_difference_is_judged_by_them(tmp_path: Path) -> None:
    rows = [f"ours,rte,{seed},0.5" for seed in range(1, 6)]
    (tmp_path / "same.csv").write_text("\n".join(["strategy,task,seed,score", *rows]))
    result = CliRunner().invoke(main, ["noise", str(tmp_path / "same.csv"), "--difference", "1"])
    assert "every seed has this very score" in result.output
    assert "more than the noise" not in result.output


@pytest.mark.parametrize(("majority", "message"), [("0.527", "every run failed"), ("0.5", "every seed has this")])
def test_failed_runs_at_the_constants_score_are_no_sign_that_the_seed_does_nothing(
    majority: str, message: str, tmp_path: Path
) -> None:
    rows = [f"ours,rte,{seed},0.527" for seed in range(1, 7)]
    (tmp_path / "same.csv").write_text("\n".join(["strategy,task,seed,score", *rows]))
    result = CliRunner().invoke(main, ["noise", str(tmp_path / "same.csv"), "--majority", f"rte={majority}"])
    assert message in result.output
    assert ("does it reach" in result.output) is (majority == "0.5")


def test_one_run_says_nothing_of_noise(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("strategy,task,seed,score\nours,rte,1,0.5\n")
    result = CliRunner().invoke(main, ["noise", str(tmp_path / "one.csv")])
    assert result.exit_code == 2
    assert "rte/ours has 1 score, expected at least 2" in result.output


def answer_of(runs: int, stds: dict[str, float]) -> str:
    """The first sentence of a comparison with so many runs of each strategy."""
    scores, answers = tables(stds, runs)
    return next(iter(compare(scores, predictions=answers).answers.values()))


def test_the_first_sentence_says_who_is_steadier_beyond_the_noise_and_of_whom_nothing_is_told() -> None:
    said = answer_of(25, {"steady": 0.0, "wild": 1.0})
    assert said.startswith("Beyond the noise of the dev set steady is steadier than wild (p\u00a0=\u00a0")
    assert "Whether seeds matter at all cannot be told of steady" in said


def test_with_few_runs_nobody_is_called_steadier() -> None:
    said = answer_of(20, {"steady": 0.0, "wild": 1.0})
    assert said.startswith("Whether seeds matter at all cannot be told of steady")
    assert "is steadier than" not in said


def test_strategies_that_are_alike_are_not_told_apart() -> None:
    said = answer_of(25, {"one": 0.8, "other": 0.8})
    assert said.startswith("Beyond the noise of the dev set no two strategies are told apart (p\u00a0=\u00a0")


def test_without_results_it_asks_for_the_projects_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["noise"])
    assert result.exit_code == 2
    assert "there are no runs in runs/ here: run `stabbench train`, or name a file" in result.output
