"""`stabbench.compare` and `stabbench compare`: the report of plain scores."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from scipy import stats

import stabbench
from stabbench.cli import main
from stabbench.report.content import Content, gather
from stabbench.report.tables import write_scores, write_tables
from tests.analysis.synthetic import DIVERGED, SyntheticCell, scores_with, write_runs

ROOT = Path(__file__).parent.parent.parent
COMMITTED = sorted({path.parent for path in (ROOT / "reports").rglob("tables/scores.csv")})


def scores(n: int = 12, tasks: tuple[str, ...] = ("rte",)) -> pd.DataFrame:
    """Scores of a stable strategy and of one of which some runs collapse to 0.5."""
    random = np.random.default_rng(0)
    parts = []
    for task in tasks:
        for strategy, spread in (("steady", 0.005), ("shaky", 0.03)):
            values = 0.8 + spread * random.standard_normal(n)
            values[: n // 4 if strategy == "shaky" else 0] = 0.5
            parts.append(pd.DataFrame({"strategy": strategy, "task": task, "seed": range(1, n + 1), "score": values}))
    return pd.concat(parts, ignore_index=True)


def tables(content: Content, folder: Path) -> None:
    """The tables of a report alone, without its page and figures."""
    write_scores(content, folder)
    write_tables(content, folder)


def of(table: pd.DataFrame, strategy: str) -> pd.Series:
    return table[table["strategy"] == strategy].iloc[0]


def test_a_reports_scores_give_its_stability_table_again_to_the_last_byte(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    cells = [
        SyntheticCell(
            [*(float(x) for x in 0.4 + 0.1 * random.standard_normal(11)), 0.0, DIVERGED, None][: 12 + index],
            model=model,
            task=task,
            strategy=strategy,
            metrics=metrics,
            gradient_norms=False,
        )
        for model in ("bert", "albert")
        for index, (task, metrics) in enumerate((("cola", ("mcc", "accuracy")), ("mrpc", ("f1", "accuracy"))))
        for strategy in ("mosbach", "devlin, as published")
        if (model, strategy) != ("bert", "mosbach") or task == "mrpc"
    ]
    write_runs(tmp_path / "runs", cells)
    tables(gather(tmp_path / "runs", incomplete=True), tmp_path / "reports")
    tables(stabbench.compare(tmp_path / "reports/scores.csv").content, tmp_path / "again")
    for name in ("stability.csv", "pairwise.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "reports" / name).read_bytes()
    tables(stabbench.compare(tmp_path / "again/scores.csv").content, tmp_path / "third")
    for name in ("stability.csv", "scores.csv"):
        assert (tmp_path / "third" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


@pytest.mark.parametrize("folder", COMMITTED, ids=[str(path.relative_to(ROOT)) for path in COMMITTED])
def test_the_committed_tables_are_made_again_of_the_committed_scores(folder: Path, tmp_path: Path) -> None:
    tables(stabbench.compare(folder / "scores.csv").content, tmp_path)
    for name in ("stability.csv", "pairwise.csv"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_the_tables_are_those_of_the_scores() -> None:
    table = scores()
    comparison = stabbench.compare(table, majority={"rte": 0.5})
    steady, shaky = (table.loc[table["strategy"] == name, "score"] for name in ("steady", "shaky"))
    row = of(comparison.stability, "steady")
    assert row["std"] == pytest.approx(steady.std())
    assert (row["best_std"], row["rival"], row["failed"]) == (True, "shaky", 0)
    assert of(comparison.stability, "shaky")["failed"] == 3
    assert comparison.pairs["p_levene_median"].iloc[0] == pytest.approx(stats.levene(steady, shaky).pvalue)
    assert comparison.pairs["p_fisher"].iloc[0] == pytest.approx(stats.fisher_exact([[0, 12], [3, 9]]).pvalue)
    assert comparison.answers["the model"].startswith("steady has the smallest standard deviation on rte")
    assert [text.split(",")[0] for text in comparison.warnings] == ["Scores in two groups"]


def test_without_a_word_on_failures_cells_say_so_and_nothing_is_tested() -> None:
    comparison = stabbench.compare(scores())
    assert comparison.stability["failed"].isna().all()
    assert comparison.stability[["failed_low", "failed_high", "std_successful"]].isna().all(axis=None)
    assert comparison.pairs[["failed_a", "p_fisher", "p_fisher_holm"]].isna().all(axis=None)
    assert comparison.pairs["p_levene_median"].notna().all()
    assert "Nobody says which runs failed" in comparison.answers["the model"]
    assert "not known on rte" in " ".join(comparison.warnings)
    assert re.findall(r"\| n/a \|", comparison.to_markdown()) == ["| n/a |"] * 2
    assert "failed: runs" not in comparison.to_markdown()


def test_one_seed_only_gives_a_table_without_a_spread() -> None:
    comparison = stabbench.compare(scores(n=12).query("seed == 12"), majority={"rte": 0.5})
    assert comparison.stability["std"].isna().all()
    assert "none can be called stable" in comparison.answers["the model"]
    assert "fewer than 10 seeds" in " ".join(comparison.warnings)


def test_the_order_of_rows_changes_no_number() -> None:
    table = scores(tasks=("rte", "cola"))
    keys = ["task", "strategy"]
    plain, shuffled = (
        stabbench.compare(part, majority={"rte": 0.5}).stability.set_index(keys).sort_index()
        for part in (table, table.sample(frac=1, random_state=0))
    )
    pd.testing.assert_frame_equal(plain, shuffled)


@pytest.fixture(scope="module")
def by_command(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """What the command makes of a table of scores, and what it says."""
    folder = tmp_path_factory.mktemp("command")
    scores().assign(lr=1).to_csv(folder / "results.csv", index=False)
    arguments = ["compare", str(folder / "results.csv"), "--majority", "rte=0.5", "--out", str(folder / "out")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return folder / "out", result


def test_the_command_says_what_it_found_and_assumed(by_command: tuple[Path, Result]) -> None:
    _, result = by_command
    assert "steady has the smallest standard deviation" in result.stdout
    assert "note: Columns that were not used: lr." in result.stderr


def test_the_page_of_plain_scores_has_what_scores_can_tell_and_no_more(by_command: tuple[Path, Result]) -> None:
    folder, _ = by_command
    html = (folder / "index.html").read_text()
    sections = re.findall(r'<section id="([^"]+)"', html)
    assert {"stability", "scores", "failures", "pairs", "definitions", "data"} <= set(sections)
    assert not {"training", "gradients", "cost", "making"} & set(sections)
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(re.findall(r'id="([^"]+)"', html))
    for link in re.findall(r'href="((?:tables|figures|metrics)[^"]*)"', html):
        assert (folder / link).is_file(), link
    for words in ("rte: score at most 0.5", "read as fractions", "plain results"):
        assert words in html


def test_names_that_mean_something_to_html_latex_or_mathematics_are_only_names(tmp_path: Path) -> None:
    awkward = scores().replace({"steady": r"<b>$\frac{1}$</b>", "shaky": "a,b|c_%"})
    comparison = stabbench.compare(awkward, majority={"rte": 0.5})
    comparison.report(tmp_path)
    html = (tmp_path / "index.html").read_text()
    assert "<b>$" not in html
    assert "&lt;b&gt;$" in html
    assert r"a,b|c\_\%" in comparison.to_latex() or r"a,b\textbar{}c\_\%" in comparison.to_latex()
    again = stabbench.compare(pd.read_csv(tmp_path / "tables" / "scores.csv"))
    pd.testing.assert_frame_equal(again.stability, comparison.stability)


def test_many_seeds_are_thinned_in_figures_and_the_figure_says_so(tmp_path: Path) -> None:
    comparison = stabbench.compare(scores(n=3_000), majority={"rte": 0.5})
    comparison.report(tmp_path)
    html = (tmp_path / "index.html").read_text()
    assert "100 of up to 3,000 runs a box" in html
    assert len(html) < 1_000_000
    assert len(pd.read_csv(tmp_path / "tables" / "scores.csv")) == 6_000


def test_large_samples_are_compared_by_the_asymptotic_p_value() -> None:
    pair = stabbench.compare(scores(n=3_000), majority={"rte": 0.5}).pairs.iloc[0]
    assert pd.isna(pair["p_permutation"])
    assert pair["p_spread"] == pair["p_levene_median"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.csv"], "gone.csv: there is no such file"),
        (["results.csv", "--majority", "rte"], "expected TASK=VALUE"),
        (["results.csv", "--majority", "rte=x"], "expected TASK=VALUE"),
        (["results.csv", "--majority", "rte=.5", "--majority", "rte=.6"], "once a task"),
        (["results.csv", "--alpha", "2"], "between 0 and 1"),
        (["results.csv", "--levene-center", "media"], "did you mean 'median'"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    scores().to_csv("results.csv", index=False)
    result = CliRunner().invoke(main, ["compare", *arguments])
    assert result.exit_code == 2
    assert message in re.sub(r"\s+", " ", result.output)
    assert not Path("comparison").exists()


def test_scores_with_the_papers_moments_give_its_row_of_table_1() -> None:
    parts = [
        pd.DataFrame({"strategy": name, "task": "rte", "seed": range(25), "score": scores_with(*moments)})
        for name, moments in {"devlin": (0.509, 0.045, 0.675), "mosbach": (0.673, 0.027, 0.711)}.items()
    ]
    rows = stabbench.compare(pd.concat(parts), majority={"rte": 0.3}).to_markdown().splitlines()
    assert any(re.match(r"\| devlin \| 4\.5 \| 50\.9 \| 67\.5 \| \d", row) for row in rows)
    assert any(re.match(r"\| mosbach \| \*\*2\.7\*\*⋆? \| \*\*67\.3\*\* \| \*\*71\.1\*\* \| 0/25", row) for row in rows)


def test_the_title_of_many_strategies_counts_them(tmp_path: Path, by_command: tuple[Path, Result]) -> None:
    many = pd.concat([scores(3).assign(strategy=f"s{number}") for number in range(9)])
    many["seed"] = many.groupby("strategy").cumcount()
    stabbench.compare(many).report(tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert page.count("Fine-tuning stability of 9 strategies on ") == 2
    of_two = (by_command[0] / "index.html").read_text(encoding="utf-8")
    assert "<title>Fine-tuning stability of steady and shaky on " in of_two
