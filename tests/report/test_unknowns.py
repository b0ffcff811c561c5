"""A report of a cell of our own beside some that other people's code trained, of which less is known."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from stabbench.report.build import build
from stabbench.report.content import Content
from stabbench.report.summary import summary
from stabbench.report.warnings import warnings_of
from tests.analysis.elsewhere import HUGGINGFACE, NATIVE, write_mixture

STRATEGIES = ["devlin", "devlin-hf", "bare", "by-command"]
NOT_A_NUMBER = re.compile(r"\bnan\b|<NA>|\bNone\b(?! of)|\bNaT\b")


class Texts(HTMLParser):
    """The rows of the page's tables, and all that it says outside of the specifications, which are JSON."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.said: list[str] = []
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append(tag)
        self.said += [value for name, value in attrs if name in ("title", "aria-label") and value]
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th") and self.rows:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not {"script", "style", "pre"} & set(self._open):
            self.said.append(data)
            if {"td", "th"} & set(self._open) and "span" not in self._open:
                self.rows[-1][-1] += data.strip()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Content, Path]:
    folder = tmp_path_factory.mktemp("mixture")
    write_mixture(folder / "runs")
    return build(folder / "runs", folder / "reports", provenance=True), folder / "reports"


@pytest.fixture(scope="module")
def page(built: tuple[Content, Path]) -> Texts:
    return Texts((built[1] / "index.html").read_text())


def row(page: Texts, *starts: str) -> list[str]:
    """The first row of a table that starts like this."""
    return next(found for found in page.rows if found[: len(starts)] == list(starts))


def test_nothing_that_nobody_knows_is_written_as_a_number(built: tuple[Content, Path], page: Texts) -> None:
    content, reports = built
    texts = {"the page": "\n".join(page.said), "the summary": summary(content)}
    for path in reports.rglob("*"):
        if path.suffix in (".md", ".tex", ".csv", ".json", ".svg"):
            texts[str(path.relative_to(reports))] = path.read_text()
    assert {name: found[0] for name, text in texts.items() if (found := NOT_A_NUMBER.search(text))} == {}


def test_the_stability_table_has_all_cells_in_every_form(built: tuple[Content, Path], page: Texts) -> None:
    expected = {
        "devlin": ["9.3", "75.0", "82.0", "1/10", "–"],
        "devlin-hf": ["8.6", "73.3", "80.0", "1/10", "n/a"],
        "bare": ["3.2", "65.0", "70.0", "n/a", "3.2"],
        "by-command": ["n/a", "n/a", "n/a", "n/a", "–"],
    }
    assert {name: row(page, name)[1:6] for name in STRATEGIES} == expected
    markdown, latex = ((built[1] / "tables" / f"stability.{kind}").read_text() for kind in ("md", "tex"))
    assert "| by-command | n/a | n/a | n/a | n/a |" in markdown
    assert r"devlin-hf & 8.6 & 73.3 & 80.0 & 1/10 & n/a & n/a & n/a & n/a \\" in latex
    assert "Learning rates: devlin 2e-5, devlin-hf 2e-5 or not known; not known of bare and by-command." in markdown


def test_metrics_hold_what_is_known_and_no_more(built: tuple[Content, Path]) -> None:
    cells = json.loads((built[1] / "metrics.json").read_text())["stability"]["synthetic"]["acceptability"]
    assert {name: set(numbers) for name, numbers in cells.items()} == {
        "devlin": {"std", "mean", "n", "failed"},
        "devlin-hf": {"std", "mean", "n", "failed"},
        "bare": {"std", "mean", "n"},
        "by-command": {"n"},
    }


def test_a_diverged_run_without_a_score_makes_its_cell_unknown_and_is_named(built: tuple[Content, Path]) -> None:
    content = built[0]
    here = (content.table["task"] == "acceptability") & (content.table["strategy"] == "by-command")
    assert content.table.loc[here, ["std", "mean", "failed"]].isna().to_numpy().tolist() == [[True] * 3]
    pairs = content.pairs[content.pairs["strategy_b"] == "by-command"]
    said = [name for name in pairs.columns if name.startswith(("p_", "std_ratio")) and pairs[name].notna().any()]
    assert said == []
    (found,) = (item for item in warnings_of(content) if item.kind == "without score")
    assert "seed 3 of synthetic/acceptability/by-command" in found.sentence
    assert "Declare what a constant prediction scores" in found.sentence


def test_who_trained_and_of_whom_the_recipe_is_not_known_is_said(page: Texts) -> None:
    said = "\n".join(page.said)
    assert "devlin-hf was trained by huggingface 5.2 (fused = none, optim = adamw_torch)." in said
    assert (
        "The recipe is not known of bare on acceptability, by-command on acceptability (trained by command 1)" in said
    )
    assert "In all 10 records of stabbench's own training recipe" in said
    trained = row(page, "trained by")
    assert (trained[1], trained[3]) == ("stabbench", "n/a")
    assert trained[2].startswith(f"{HUGGINGFACE['plugin']} 5.2")


def test_dvc_draws_no_box_over_fewer_runs_and_calls_no_unjudged_run_successful(built: tuple[Content, Path]) -> None:
    plots = built[1] / "plots"
    drawn = pd.read_csv(plots / "scores.csv")
    assert set(drawn.loc[drawn["task"] == "acceptability", "strategy"]) == {"devlin", "devlin-hf", "bare"}
    template = json.loads((plots / "scores.json").read_text())
    (outcome,) = (step["calculate"] for step in template["transform"] if step["as"] == "outcome")
    assert "'unjudged'" in outcome
    assert set(pd.read_csv(plots / "dev_score.csv")["strategy"]) == {"devlin", "devlin-hf", "by-command"}


def test_what_lacks_in_a_chapter_is_said_there(built: tuple[Content, Path]) -> None:
    def found(chapter: str) -> str:
        return "\n".join(json.loads((built[1] / "studies" / chapter / "facts.json").read_text())["found"])

    assert "Gradient norms are not known of bare" in found("gradient-norms")
    assert "What all runs predicted is not known of bare" in found("example-stability")
    assert "Which runs failed is not known of bare" in found("failed-runs")
    assert "The training loss of the final weights is not known of bare" in found("generalisation")


def test_a_decoders_gradient_norms_are_compared_like_any_others(built: tuple[Content, Path]) -> None:
    norms = pd.read_csv(built[1] / "studies" / "gradient-norms" / "early-norms.csv")
    assert set(norms["strategy"]) == {"devlin", "devlin-hf"}
    assert norms["norm"].notna().all()


def test_equal_scores_alone_do_not_say_that_the_seed_changes_nothing(built: tuple[Content, Path]) -> None:
    content = built[0]
    bare = content.runs[content.runs["strategy"] == "bare"]
    assert bare["result_digest"].duplicated().any()
    assert content.seedless == {}


@pytest.mark.parametrize(("column", "kind"), [("failed", "boolean"), ("collapsed", "boolean"), ("diverged", "bool")])
def test_a_column_of_truths_says_where_one_is_not_known(built: tuple[Content, Path], column: str, kind: str) -> None:
    runs = built[0].runs
    assert str(runs[column].dtype) == kind
    assert runs.loc[runs["strategy"] == NATIVE.strategy, column].notna().all()
