"""The Markdown tables as GitHub reads them, with names that try to be more than names."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from stabbench.cli import main
from stabbench.report.content import gather
from stabbench.report.summary import LINES, summary
from stabbench.report.tables import write_tables
from tests.analysis.synthetic import SyntheticCell, write_runs

markdown_it = pytest.importorskip("markdown_it", reason="no parser of GitHub's Markdown (markdown-it-py) is installed")

HOSTILE = [
    "a|b",
    "a\\|b\\",
    "<script>alert(1)",
    "**bold** `code`",
    "[x](y) ![z](w)",
    "a&lt;b",
    "~~s~~ $x$ #1",
    "a__b__c",
]


def cells_of(text: str) -> list[list[list[str]]]:
    """Tables, rows and cells of a Markdown text: what a reader sees, formatting but bold left out."""
    tables: list[list[list[str]]] = []
    for token in markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text):
        if token.type == "table_open":
            tables.append([])
        elif token.type == "tr_open":
            tables[-1].append([])
        elif token.type == "inline" and token.level == 4:
            assert {child.type for child in token.children} <= {"text", "strong_open", "strong_close"}, token.content
            tables[-1][-1].append("".join(child.content for child in token.children))
        assert token.type != "html_block"
    return tables


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile") / "runs"
    spread = [0.5 + 0.01 * seed for seed in range(10)]
    cells = [SyntheticCell(spread, strategy=name.replace("/", "-"), gradient_norms=False) for name in HOSTILE]
    write_runs(folder, [*cells, SyntheticCell(spread, task="t|\\<b>", strategy=HOSTILE[0], gradient_norms=False)])
    return folder


def test_a_name_is_shown_as_it_is_whatever_it_holds(runs: Path, tmp_path: Path) -> None:
    content = gather(runs, incomplete=False, levene_center="median", alpha=0.001)
    write_tables(content, tmp_path)
    for text in ((tmp_path / "stability.md").read_text(), summary(content)):
        (table,) = cells_of(text)
        assert {len(row) for row in table} == {len(table[0])}
        assert {row[0] for row in table[1:]} == set(HOSTILE)
        assert any("t|\\<b>" in head for head in table[0])


def test_a_summary_answers_in_a_sentence_a_table_and_warnings(tmp_path: Path) -> None:
    cells = [
        SyntheticCell([0.5, 0.0, 0.3], gradient_norms=False),
        SyntheticCell([0.5, 0.51, 0.52], strategy="mosbach", gradient_norms=False),
    ]
    write_runs(tmp_path / "runs", cells)
    text = summary(gather(tmp_path / "runs", incomplete=False, levene_center="median", alpha=0.001))
    assert text.startswith("**synthetic**: mosbach has the smallest standard deviation on acceptability")
    (table,) = cells_of(text)
    assert table[0] == ["strategy", *(f"acceptability (MCC) {name}" for name in ("std", "mean", "failed"))]
    assert table[1][0] == "devlin"
    assert table[1][3] == "1/3"
    assert "> 2 cells of 2 with fewer than 10 seeds" in text


def test_a_summary_stays_short_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    cells = [
        SyntheticCell([0.5, 0.4], model=f"model-{model}", strategy=f"s{number}", gradient_norms=False)
        for model in range(3)
        for number in range(20)
    ]
    write_runs(tmp_path / "runs", cells)
    text = summary(gather(tmp_path / "runs", incomplete=False, levene_center="median", alpha=0.001))
    assert len(text.splitlines()) < LINES
    assert "Left out here: 1 of 3 models" in text


def test_the_command_prints_it_and_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_runs(tmp_path / "runs", [SyntheticCell([0.5, 0.0], gradient_norms=False)])
    params = "seeds: 1-2\ngrid: {models: [synthetic], tasks: [acceptability], strategies: [devlin]}\n"
    (tmp_path / "params.yaml").write_text(params + "models: {synthetic: {source: ./model}}\n")
    before = sorted(path.name for path in tmp_path.iterdir())
    done = CliRunner().invoke(main, ["report", "--format", "md"])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("**synthetic**: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_what_compare_made_of_a_table_is_told_beside_the_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"rte;{name};{seed};0,6{seed}" for name in ("a", "b") for seed in range(1, 5)]
    Path("scores.csv").write_text("\n".join(["task;strategy;seed;score", *rows]))
    done = CliRunner().invoke(main, ["compare", "scores.csv", "--majority", "rte=0.5", "--format", "md"])
    assert done.exit_code == 0, done.output
    assert "note: In score the comma was read as the decimal point." in done.stderr
    assert "note:" not in done.stdout
