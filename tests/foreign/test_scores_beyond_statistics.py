"""Scores that are finite and too large for statistics: of a table they are refused, of records they are divergence."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

import stabbench
from stabbench.analysis.results import runs_of
from stabbench.cli import main
from stabbench.errors import UserError
from stabbench.files import read_json, write_json
from stabbench.metrics.contract import MetricKind
from stabbench.records import Record
from stabbench.records.record import sealed
from stabbench.report.numbers import about, decimals_of, score_text

LOSS = MetricKind(lower=True, lowest=-math.inf, highest=math.inf)


def table(*last: float) -> pd.DataFrame:
    """Scores of two strategies, of which `a` ends with these."""
    scores = {"a": [5.0, 6.0, 7.0, *last], "b": [4.0, 4.5, 5.0, 4.2, 4.8]}
    rows = [
        (strategy, "wt", seed, score) for strategy, found in scores.items() for seed, score in enumerate(found, start=1)
    ]
    return pd.DataFrame(rows, columns=["strategy", "task", "seed", "score"]).assign(metric="perplexity")


@pytest.mark.parametrize("score", [1e160, -1e308, 1.1e70])
@pytest.mark.parametrize("command", ["compare", "noise", "badge"])
def test_a_table_with_one_is_refused_with_its_row_and_advice(command: str, score: float, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    table(score).to_csv(path, index=False)
    options = ["--strategy", "a"] if command == "badge" else []
    result = CliRunner().invoke(main, [command, str(path), *options])
    assert result.exit_code == 2
    assert f"{path}: data row 4 (a on wt, seed 4), column 'score': found '{score}', expected" in result.output
    assert "mark it in a column status (diverged)" in result.output


def test_the_advice_can_be_followed() -> None:
    marked = table(1e160).assign(status=["ok"] * 3 + ["diverged"] + ["ok"] * 5, majority=40.0)
    for runs in (
        runs_of(marked).runs,
        runs_of(table(1e160), nan="failed", majority={"wt": 40.0}).runs,
    ):
        assert runs["score"][3] == 40.0
        assert runs["failed"].tolist() == [False] * 3 + [True] + [False] * 5


def test_a_baseline_beyond_them_is_refused() -> None:
    with pytest.raises(UserError, match=r"--majority wt is 1e\+200"):
        runs_of(table(), majority={"wt": 1e200})
    with pytest.raises(UserError, match=r"column 'majority': 8 rows, expected a number of at most 1e\+70"):
        runs_of(table().assign(majority=1e200))


def test_scores_as_large_as_they_may_be_make_a_whole_report(tmp_path: Path) -> None:
    comparison = stabbench.compare(table(1e70, 3e69))
    comparison.report(tmp_path)
    assert not re.search(r"\d{9}", comparison.to_markdown())


def recorded(folder: Path, seed: int, perplexity: float) -> Record:
    with stabbench.record("sgd", "wt", seed, metric="perplexity", folder=folder / "runs") as run:
        run.log(5, loss=2.0)
        run.finish(score=perplexity)
    assert run.record is not None
    return run.record


def test_a_recorded_run_with_one_diverged_and_the_others_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    records = [recorded(tmp_path, seed, score) for seed, score in enumerate((5.0, 6.0, 1e160), start=1)]
    assert [record.status for record in records] == ["unjudged", "unjudged", "diverged"]
    assert records[2].result.diverged_at == 5
    result = CliRunner().invoke(main, ["report", "--runs", "runs", "--out", "page"])
    assert result.exit_code == 0, result.output


def test_a_record_that_an_older_version_took_for_a_score_is_read_as_diverged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for seed in (1, 2, 3):
        record = recorded(tmp_path, seed, 4.0 + seed)
    path = record.folder / "record.json"
    data = {key: value for key, value in read_json(path).items() if key != "seal"}
    for point in ("final", "best"):
        data[point]["scores"]["perplexity"] = 1e160
    write_json(path, sealed(data))
    found = Record.read(record.folder)
    assert (found.status, found.result.diverged_at, dict(found.result.best.scores)) == ("diverged", 5, {})
    for command in (["report", "--runs"], ["compare", "--majority", "wt=40"]):
        result = CliRunner().invoke(main, [*command, "runs", "--out", command[0]])
        assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("score", "std", "text"),
    [
        (1.5e60, 2e59, "1.5e+60"),
        (123456.0, 2e4, "123456"),
        (3141.592, 0.02, "3141.592"),
        (1234567890.25, 2.0, "1234567890.2"),
        (1234567890.25, 1e7, "1.235e+09"),
        (0.0123456, 1.0, "0.01235"),
    ],
)
def test_a_huge_score_has_an_exponent_and_others_the_digits_that_tell_them_apart(
    score: float, std: float, text: str
) -> None:
    assert score_text(score, LOSS, decimals_of([std], score)) == text


def test_so_has_a_huge_number_of_seeds() -> None:
    assert (about(4567), about(10**60)) == ("4,600", "1e+60")
