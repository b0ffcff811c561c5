from __future__ import annotations

import re
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from stabbench.analysis.scoring import Scoring
from stabbench.analysis.spread import of_one_pair
from stabbench.analysis.variances import CENTERS, levene
from stabbench.report.content import gather
from stabbench.report.shown import Shown
from stabbench.report.tables import escape_latex, escape_markdown, write_scores, write_tables
from tests.analysis.synthetic import MAJORITY, SyntheticCell, scores_with, write_runs

TABLE_1 = {
    "devlin": {"rte": (4.5, 50.9, 67.5), "mrpc": (3.9, 84.0, 91.2), "cola": (25.6, 45.6, 64.6)},
    "mixout": {"rte": (7.9, 65.3, 74.4), "mrpc": (3.8, 87.8, 91.8), "cola": (20.9, 51.9, 64.0)},
    "ours": {"rte": (2.7, 67.3, 71.1), "mrpc": (0.8, 90.3, 91.7), "cola": (1.8, 62.1, 65.3)},
}
needs_latex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
METRICS = {"rte": ("accuracy",), "mrpc": ("f1", "accuracy"), "cola": ("mcc", "accuracy")}


def papers_cells() -> list[SyntheticCell]:
    return [
        SyntheticCell(
            scores_with(mean / 100, std / 100, largest / 100),
            model="bert-large",
            task=task,
            strategy=strategy,
            metrics=METRICS[task],
            gradient_norms=False,
        )
        for strategy, tasks in TABLE_1.items()
        for task, (std, mean, largest) in tasks.items()
    ]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paper")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MAJORITY, "accuracy", 0.527)  # RTE's
        write_runs(folder / "runs", papers_cells())
    content = gather(folder / "runs", incomplete=False, levene_center="mean", alpha=0.001)
    write_tables(content, folder / "tables")
    write_scores(content, folder / "tables")
    return folder / "tables"


def markdown_rows(text: str) -> dict[str, list[str]]:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return {row[0]: row[1:] for row in rows}


def test_samples_with_the_papers_moments_give_its_table_1(tables: Path) -> None:
    rows = markdown_rows((tables / "stability.md").read_text())
    assert rows["strategy"] == [
        f"{task} {name}" for task in ("cola", "mrpc", "rte") for name in ("std", "mean", "max", "failed")
    ]
    for strategy, tasks in TABLE_1.items():
        printed = [re.sub(r"[*⋆]", "", text) for text in rows[strategy]]
        expected = [f"{value:.1f}" for task in ("cola", "mrpc", "rte") for value in tasks[task]]
        assert [text for text in printed if "/" not in text] == expected


def test_the_best_are_bold_and_the_significant_std_has_the_papers_star(tables: Path) -> None:
    rows = markdown_rows((tables / "stability.md").read_text())
    assert rows["ours"][:3] == ["**1.8**⋆", "**62.1**", "**65.3**"]
    assert rows["ours"][4:6] == ["**0.8**⋆", "**90.3**"]
    assert rows["mixout"][6] == "**91.8**"
    assert rows["ours"][8:10] == ["**2.7**", "**67.3**"]  # no sample with these moments has the paper's star
    assert rows["mixout"][10] == "**74.4**"
    assert not any("*" in text or "⋆" in text for text in rows["devlin"])


def test_the_second_smallest_std_on_rte_is_devlins_although_most_of_its_runs_fail(tables: Path) -> None:
    stability = pd.read_csv(tables / "stability.csv").set_index(["task", "strategy"])
    assert stability.loc[("rte", "devlin"), "mostly_failed"]
    assert stability.loc[("rte", "ours"), "rival"] == "devlin"


def test_the_same_samples_have_no_star_by_the_default_test_which_collapsed_runs_do_not_mislead(tables: Path) -> None:
    folder = tables.parent
    write_tables(gather(folder / "runs", incomplete=False, levene_center="median", alpha=0.001), folder / "median")
    rows = markdown_rows((folder / "median" / "stability.md").read_text())
    assert rows["ours"][0] == "**1.8**"
    table = pd.read_csv(folder / "median" / "stability.csv")
    cola = table[(table["task"] == "cola") & (table["strategy"] == "ours")].iloc[0]
    assert cola["p_spread"] == max(cola["p_levene_median"], cola["p_permutation"]) > 0.001 > cola["p_levene_mean"]


def test_the_caption_says_how_the_numbers_were_made(tables: Path) -> None:
    for name in ("stability.md", "stability.tex"):
        text = (tables / name).read_text()
        for words in ("25 random seeds", "Learning rate: 2e-5 for all", "ddof 1", "mean-centred", "0.001", "failed"):
            assert words in text, (name, words)


def test_the_csv_files_hold_every_number_in_full(tables: Path) -> None:
    stability = pd.read_csv(tables / "stability.csv").set_index(["task", "strategy"])
    assert stability.loc[("cola", "devlin"), "std"] == pytest.approx(0.256, rel=1e-5)
    assert stability.loc[("cola", "ours"), "rival"] == "mixout"
    scores = pd.read_csv(tables / "scores.csv")
    assert len(scores) == 9 * 25
    cola = scores[scores["task"] == "cola"].groupby("strategy")["score"].apply(list)
    for center in CENTERS:
        expected = of_one_pair(partial(levene, center=center), cola["ours"], cola["mixout"])
        assert stability.loc[("cola", "ours"), f"p_levene_{center}"] == pytest.approx(expected, rel=1e-5)
    assert {"model", "seed", "fingerprint", "result_digest"} <= set(scores.columns)


def test_failed_runs_are_counted_and_missing_ones_shown(tmp_path: Path) -> None:
    write_runs(tmp_path / "runs", [SyntheticCell([0.5, 0.0, None, 0.4]), SyntheticCell([0.1] * 4, strategy="mosbach")])
    write_tables(gather(tmp_path / "runs", incomplete=True, levene_center="median", alpha=0.001), tmp_path / "tables")
    text = (tmp_path / "tables" / "stability.md").read_text()
    rows = markdown_rows(text)
    assert rows["devlin"][3] == "1/3 (n = 3/4)"
    assert rows["mosbach"][3] == "0/4"
    assert "Incomplete: 1 run without a record" in text


def test_a_strategy_that_the_plan_lacks_on_a_task_has_dashes_there(tmp_path: Path) -> None:
    cells = [SyntheticCell([0.5, 0.4]), SyntheticCell([0.5, 0.4], task="more"), SyntheticCell([0.5, 0.4], strategy="x")]
    write_runs(tmp_path / "runs", cells)
    write_tables(gather(tmp_path / "runs", incomplete=False, levene_center="mean", alpha=0.01), tmp_path / "tables")
    text = (tmp_path / "tables" / "stability.md").read_text()
    assert markdown_rows(text)["x"][4:] == ["–"] * 4
    assert "mean-centred" in text
    assert "p \\< 0.01 " in text


def test_special_characters_mean_nothing_in_latex_and_markdown() -> None:
    assert escape_latex(r"a_b & 50% $x^2$ {c} \d #1 ~") == (
        r"a\_b \& 50\% \$x\textasciicircum{}2\$ \{c\} \textbackslash{}d \#1 \textasciitilde{}"
    )
    assert escape_latex("a--b\n|模 – 2\u00a0%") == r"a-{}-b \textbar{}U+6A21 -- 2~\%"
    assert escape_markdown("a|b *c* <d> [e]\nf &amp;") == r"a\|b \*c\* \<d\> \[e\] f \&amp;"


def test_learning_rates_that_differ_are_all_named(tmp_path: Path) -> None:
    write_runs(
        tmp_path / "runs", [SyntheticCell([0.5, 0.4]), SyntheticCell([0.5, 0.4], strategy="hf", learning_rate=5e-5)]
    )
    write_tables(gather(tmp_path / "runs", incomplete=False, levene_center="median", alpha=0.001), tmp_path / "tables")
    assert "Learning rates: devlin 2e-5, hf 5e-5." in (tmp_path / "tables" / "stability.md").read_text()


@needs_latex
def test_the_latex_table_compiles_and_fits_the_page(tmp_path: Path) -> None:
    awkward = [SyntheticCell([0.5, 0.4, 0.0], task=f"task_{index}&50%", strategy="a_b#~^") for index in range(4)]
    write_runs(tmp_path / "runs", [*papers_cells(), *awkward])
    write_tables(gather(tmp_path / "runs", incomplete=False, levene_center="median", alpha=0.001), tmp_path)
    assert "Overfull" not in compiled(tmp_path)


@needs_latex
def test_the_latex_table_compiles_whatever_a_name_holds(tmp_path: Path) -> None:
    names = ["a|b", "\\end{table}\\x", "<script>$1$", 'é 模型 "q" `--`', "%comment", "\\input{x}^^M"]
    cells = [SyntheticCell([0.5, 0.4], task="t\\b|c", strategy=name, gradient_norms=False) for name in names]
    write_runs(tmp_path / "runs", cells)
    write_tables(gather(tmp_path / "runs", incomplete=False, levene_center="median", alpha=0.001), tmp_path)
    compiled(tmp_path)


def compiled(folder: Path) -> str:
    """What pdfLaTeX says of the table in `folder`, in a document of its own."""
    document = r"\documentclass{article}\usepackage{booktabs}\begin{document}\input{stability}\end{document}"
    (folder / "paper.tex").write_text(document)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (folder / "paper.pdf").stat().st_size > 1000
    return done.stdout


@pytest.mark.parametrize(
    ("metric", "stds", "scores", "printed"),
    [
        ("rmse", [0.0213, 4.0], [167.2134, 168.0], ["0.0213", "4", "167.213", "168.000"]),
        ("rmse", [0.12, 0.2], [0.6023, 1.5], ["0.12", "0.2", "0.6023", "1.5"]),
        ("rmse", [0.0, 1e-14], [167.2134, 168.0], ["0", "1e-14", "167.2", "168"]),
        ("accuracy", [0.0004, 0.2], [0.6023, 0.5], ["0.0", "20.0", "60.2", "50.0"]),
    ],
)
def test_a_smallest_std_of_what_is_no_share_has_two_digits_and_the_scores_beside_it_as_many_after_the_point(
    metric: str, stds: list[float], scores: list[float], printed: list[str]
) -> None:
    cells = pd.DataFrame({"metric": metric, "std": stds, "min": scores, "max": scores})
    shown = Shown.of_cells(Scoring(), cells)
    assert [shown.text(number) for number in (*stds, *scores)] == printed
