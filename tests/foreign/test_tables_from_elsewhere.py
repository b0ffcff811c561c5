"""Tables as other people's programs write them: read by what is inside, or one message that says what to type."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import stabbench
from stabbench.analysis.results import read_results
from stabbench.cli import main
from stabbench.errors import UserError
from stabbench.report.figures.distribution import stability_figure
from stabbench.report.tables import write_tables

SEEDS = range(1, 13)


def scores(strategies: Sequence[str] = ("a", "b"), tasks: Sequence[str] = ("rte",)) -> pd.DataFrame:
    """Twelve scores of each strategy on each task, in four digits."""
    random = np.random.default_rng(3)
    rows = [
        {"strategy": name, "task": task, "seed": seed, "score": round(0.7 + 0.02 * float(random.standard_normal()), 4)}
        for task in tasks
        for name in strategies
        for seed in SEEDS
    ]
    return pd.DataFrame(rows)


def run(folder: Path, text: str, *arguments: str, name: str = "results.csv") -> Result:
    """`stabbench compare` of a file with this text, into the folder `out`."""
    path = folder / name
    path.write_bytes(text.encode())
    return CliRunner().invoke(main, ["compare", str(path), *arguments, "--out", str(folder / "out")])


def table(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "out" / "tables" / "stability.csv")


def line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("start", ["", "\ufeff"], ids=["plain", "with a byte order mark"])
def test_the_delimiter_is_found_by_what_is_inside_whatever_the_ending_says(
    tmp_path: Path, delimiter: str, start: str
) -> None:
    given = scores()
    for name in ("results.csv", "results.tsv", "results.txt"):
        (tmp_path / name).write_bytes((start + given.to_csv(index=False, sep=delimiter)).encode())
        found = read_results(tmp_path / name)
        pd.testing.assert_frame_equal(found, given, check_dtype=False)


def test_a_comma_inside_a_name_does_not_mislead_a_table_with_tabs(tmp_path: Path) -> None:
    given = scores(strategies=("a, as published", "b, tuned, long"))
    (tmp_path / "results.csv").write_text(given.to_csv(index=False, sep="\t"))
    assert set(read_results(tmp_path / "results.csv")["strategy"]) == {"a, as published", "b, tuned, long"}


def test_a_decimal_comma_is_read_and_said(tmp_path: Path) -> None:
    text = scores().to_csv(index=False, sep=";", decimal=",")
    result = run(tmp_path, text)
    assert result.exit_code == 0, result.output
    assert "In score the comma was read as the decimal point." in result.stderr
    assert table(tmp_path)["mean"].between(0.6, 0.8).all()


def test_other_headers_are_met_with_the_very_option_that_reads_them(tmp_path: Path) -> None:
    text = scores().rename(columns={"strategy": "method", "task": "dataset", "score": "accuracy"}).to_csv(index=False)
    refused = run(tmp_path, text)
    assert refused.exit_code == 2
    assert refused.output.count("\n") == 1
    options = refused.output[refused.output.index("--columns") :].split()
    assert options == ["--columns", "strategy=method,task=dataset,score=accuracy"]
    read = run(tmp_path, text, *options)
    assert read.exit_code == 0, read.output
    assert "the scores were taken for accuracy" in read.stderr
    assert set(table(tmp_path)["metric"]) == {"accuracy"}


def test_a_wide_table_is_met_with_the_very_options_that_make_it_long(tmp_path: Path) -> None:
    long = scores(tasks=("SST2", "QNLI")).assign(score=lambda rows: 100 * rows["score"])
    wide = long.pivot_table(index=["strategy", "seed"], columns="task", values="score").reset_index()
    text = wide.rename(columns={"strategy": "method"})[["method", "seed", "SST2", "QNLI"]].to_csv(index=False)
    refused = run(tmp_path, text)
    assert refused.exit_code == 2
    options = refused.output[refused.output.index("--columns") :].split()
    assert options == ["--columns", "strategy=method", "--wide", "SST2,QNLI"]
    read = run(tmp_path, text, "--percent", *options[:2], "--wide")
    assert read.exit_code == 0, read.output
    named = stabbench.compare(pd.read_csv(tmp_path / "results.csv"), columns={"strategy": "method"}, percent=True,
                              wide=options[3].split(","))  # fmt: skip
    expected = long.groupby(["task", "strategy"])["score"].mean() / 100
    for found in (table(tmp_path), named.stability):
        means = found.set_index(["task", "strategy"])["mean"].sort_index()
        pd.testing.assert_series_equal(means, expected, check_names=False, rtol=1e-5)


def test_a_fault_in_a_wide_table_is_named_by_the_row_of_the_file() -> None:
    wide = pd.DataFrame({"strategy": ["a", "a", "b", "b"], "seed": [1, 2, 1, 2], "x": 0.5, "y": [0.5, 0.6, 7.0, 0.6]})
    with pytest.raises(UserError, match=r"data row 3 \(b on y, seed 1\), column 'score': found '7.0'"):
        stabbench.compare(wide, wide=["x", "y"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {"strategie": "strategy"}}, "unknown name before = .*'strategie': did you mean 'strategy'"),
        ({"columns": {"score": "scor"}}, "unknown column of results .*'scor': did you mean 'score'"),
        ({"columns": {"score": "seed", "seed": "seed"}}, "one column of results under two names"),
        ({"wide": ["score"]}, "there is a column 'task' already"),
        ({"nan": "ignore"}, "unknown choice of --nan"),
        ({"lower_is_better": ["score"], "higher_is_better": ["score"]}, "score is said to be better both"),
        ({"majority": {"rt": 0.5, "co": 0.5}}, "tasks that there are not:\n  rt\n  co"),
    ],
)
def test_options_that_fit_nothing_are_named_with_the_nearest_that_does(
    options: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        stabbench.compare(scores(), **options)  # type: ignore[arg-type]


def test_names_that_look_like_numbers_stay_names_under_another_header(tmp_path: Path) -> None:
    path, columns = tmp_path / "results.csv", {"strategy": "run_name"}
    scores(strategies=("1", "01")).rename(columns={"strategy": "run_name"}).to_csv(path, index=False)
    assert stabbench.compare(read_results(path, columns), columns=columns).stability["strategy"].tolist() == ["1", "01"]


def correlations() -> pd.DataFrame:
    """Correlations, of which three are those of constant predictions: NaN."""
    given = scores(tasks=("sts-b",))
    given.loc[[3, 7, 9], "score"] = np.nan
    return given


def test_all_rows_without_a_score_are_named_at_once_with_advice_that_can_be_followed(tmp_path: Path) -> None:
    text = correlations().to_csv(index=False, na_rep="nan")
    refused = run(tmp_path, text)
    assert refused.exit_code == 2
    assert re.findall(r"data row (\d+) ", refused.output) == ["4", "8", "10"]
    assert "--nan failed" in refused.output
    read = run(tmp_path, text, "--nan", "failed")
    assert read.exit_code == 0, read.output


def test_of_many_faulty_rows_ten_are_named_and_the_others_counted() -> None:
    with pytest.raises(UserError) as error:
        stabbench.compare(scores().assign(score=lambda rows: rows["score"].where(rows["seed"] < 2)))
    assert "22 rows" in str(error.value)
    assert str(error.value).count("\n") == 11
    assert str(error.value).endswith("and 12 more")


def test_a_run_without_a_score_fails_with_the_trivial_score_or_is_missing_as_is_asked() -> None:
    found = stabbench.compare(correlations(), nan="failed")
    runs = found.runs[found.runs["strategy"] == "a"]
    assert runs.loc[runs["failed"], "score"].tolist() == [0.0, 0.0, 0.0]
    rows = found.stability.set_index("strategy")
    assert (rows["n"]["a"], rows["failed"]["a"]) == (12, 3)
    assert "3 runs without a score failed" in " ".join(found.notes)
    missing = stabbench.compare(correlations(), nan="missing").stability.set_index("strategy").loc["a"]
    assert (missing["n"], missing["planned"]) == (9, 12)


@pytest.mark.parametrize(
    "marks",
    [
        {"failed": lambda rows: rows["score"].isna()},
        {"status": lambda rows: np.where(rows["score"].isna(), "diverged", "ok")},
    ],
)
def test_a_run_that_a_column_says_has_failed_needs_no_score(marks: dict[str, object]) -> None:
    found = stabbench.compare(correlations().assign(metric="spearmanr", **marks))  # type: ignore[arg-type]
    assert found.runs.loc[found.runs["failed"], "score"].tolist() == [0.0, 0.0, 0.0]


def test_an_accuracy_of_nan_needs_the_majority_classifiers() -> None:
    accuracies = correlations().assign(metric="accuracy")
    with pytest.raises(UserError, match="--majority TASK=VALUE"):
        stabbench.compare(accuracies, nan="failed")
    found = stabbench.compare(accuracies, nan="failed", majority={"sts-b": 0.5})
    assert found.runs.loc[found.runs["failed"], "score"].tolist() == [0.5] * 3


@pytest.mark.parametrize(
    ("metric", "trivial"), [("mcc", 0), ("pearsonr", 0), ("cohen_kappa", 0), ("eval/roc_auc", 0.5)]
)
def test_a_metric_whose_definition_says_what_is_trivial_judges_failures_by_itself(metric: str, trivial: float) -> None:
    given = scores().assign(metric=metric)
    given.loc[[0, 1], "score"] = [trivial, trivial - 0.05]
    found = stabbench.compare(given)
    assert found.stability.set_index("strategy")["failed"].to_dict() == {"a": 2, "b": 0}
    assert f"has a {metric} of {trivial:g} by definition" in " ".join(found.notes)
    assert not any("not known" in text for text in found.warnings)


def losses(metric: str = "eval_loss") -> pd.DataFrame:
    """Losses far above 1 of a good strategy and of a bad one, of which one run is at the loss of guessing."""
    given = scores(strategies=("good", "bad")).assign(metric=metric)
    given["score"] = given["score"] + np.where(given["strategy"] == "good", 1.5, 3.5)
    given.loc[given.index[-1], "score"] = 5.0
    return given


def test_of_a_loss_the_lower_is_the_better_everywhere() -> None:
    found = stabbench.compare(losses(), majority={"rte": 5.0})
    rows = found.stability.set_index("strategy")
    assert rows.loc["good", ["best_mean", "best_max"]].all()
    assert not rows.loc["bad", ["best_mean", "best_max"]].any()
    assert rows["failed"].to_dict() == {"good": 0, "bad": 1}
    markdown = found.to_markdown()
    assert "rte min" in markdown
    assert "rte max" not in markdown
    good = next(text for text in markdown.splitlines() if text.startswith("| good"))
    assert re.search(r"\*\*2\.\d+\*\* \| \*\*2\.1\d+\*\* \| 0/12", good)
    assert "the lower the better" in found.notes[0]
    (axes,) = stability_figure(found.content).axes
    assert axes.get_ylabel() == "eval_loss, lower is better"
    assert axes.get_ylim()[1] < 10


def test_a_losss_name_may_come_from_its_column_or_the_direction_from_an_option() -> None:
    by_column = stabbench.compare(
        losses().drop(columns="metric").rename(columns={"score": "eval_loss"}), columns={"score": "eval_loss"}
    )
    by_option = stabbench.compare(losses("cost"), lower_is_better=["cost"])
    for found in (by_column, by_option):
        assert found.stability.set_index("strategy").loc["good", "best_mean"]


def test_a_metric_that_nobody_knows_is_said_to_be_taken_for_one_that_is_better_where_higher() -> None:
    found = stabbench.compare(scores().assign(metric="quality"))
    assert "not known by the name of quality: the higher was taken to be" in " ".join(found.notes)
    assert "--lower-is-better quality" in " ".join(found.notes)


def test_numbers_beyond_fractions_say_that_they_may_be_per_cent_or_losses() -> None:
    with pytest.raises(UserError, match=r"--percent.*losses, name the metric"):
        stabbench.compare(losses().drop(columns="metric"))


def test_a_run_that_stands_twice_is_named_with_its_scores_and_what_tells_the_rows_apart() -> None:
    given = scores().assign(epoch=1)
    later = given.assign(epoch=2, score=given["score"] + 0.01)
    with pytest.raises(UserError) as error:
        stabbench.compare(pd.concat([given, later]))
    assert "24 rows hold a run that stands in an earlier one" in line(str(error.value))
    assert "they differ in epoch" in str(error.value)
    assert "data row 25 (a on rte, seed 1), score 0." in str(error.value)


def test_disjoint_seeds_are_one_sentence_and_paired_tests_are_not_made() -> None:
    given = scores(tasks=[f"task-{number}" for number in range(12)])
    given.loc[given["strategy"] == "b", "seed"] += 100
    found = stabbench.compare(given)
    (warning,) = (text for text in found.warnings if "different seeds" in text)
    assert "on all 12 tasks, first on task-0: a 1-12 and b 101-112" in warning
    assert "Tests paired by seed are n/a: no seed is shared." in warning
    assert len(warning) < 250
    assert found.pairs["shared_seeds"].eq(0).all()
    assert found.pairs[["seed_correlation", "p_paired_swap", "p_paired_wilcoxon"]].isna().all(axis=None)


def test_warnings_do_not_grow_with_the_grid_and_a_file_names_every_cell(tmp_path: Path) -> None:
    few, many = (scores(tasks=[f"t{number}" for number in range(tasks)]).query("seed < 9") for tasks in (4, 40))
    lengths = [sum(map(len, stabbench.compare(given).warnings)) for given in (few, many)]
    assert lengths[1] < lengths[0] + 300
    write_tables(stabbench.compare(many).content, tmp_path)
    rows = pd.read_csv(tmp_path / "warnings.csv")
    assert rows["warning"].value_counts().to_dict() == {"few seeds": 80, "unjudged": 40}


def test_a_strategy_in_fractions_beside_one_in_per_cent_is_an_error_either_way(tmp_path: Path) -> None:
    mixed = scores()
    mixed.loc[mixed["strategy"] == "a", "score"] *= 100
    for options in ([], ["--percent"]):
        result = run(tmp_path, mixed.to_csv(index=False), *options)
        assert result.exit_code == 2
        assert "12 rows" in result.output
        assert "into one unit" in line(result.output)
    low = scores().assign(metric="mcc", score=lambda frame: 100 * (frame["score"] - 0.7))
    assert stabbench.compare(low, percent=True).runs["score"].abs().max() < 0.1


def test_settings_among_the_columns_of_a_wide_table_are_no_tasks(tmp_path: Path) -> None:
    wide = scores().rename(columns={"score": "SST2"}).drop(columns="task")
    wide["learning_rate"] = wide["strategy"].map({"a": 1e-5, "b": 2e-5})
    result = run(tmp_path, wide.to_csv(index=False), "--wide")
    assert set(table(tmp_path)["task"]) == {"SST2"}
    assert "learning_rate is the same for all seeds of each strategy" in line(result.output)
    run(tmp_path, wide.to_csv(index=False), "--wide", "SST2,learning_rate")
    assert set(table(tmp_path)["task"]) == {"SST2", "learning_rate"}


def test_strategies_as_columns_are_met_with_what_makes_rows_of_them(tmp_path: Path) -> None:
    result = run(tmp_path, "seed,devlin,mosbach\n1,0.5,0.6\n2,0.5,0.7\n")
    assert result.exit_code == 2
    assert "var_name='strategy'" in line(result.output)


def test_what_is_no_data_frame_is_told_so() -> None:
    with pytest.raises(UserError, match="found a dict, expected a data frame"):
        stabbench.compare({"score": [0.5]})  # type: ignore[arg-type]
