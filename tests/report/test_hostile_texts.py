"""Names and texts that try to be more than text, in every file of a report and in a real browser."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest

from stabbench.report.build import build
from tests.analysis.synthetic import DIVERGED, SyntheticCell, write_runs
from tests.faults.processes import here
from tests.report.browser import browser, needs_browser

pytestmark = pytest.mark.xdist_group("hostile reports")  # which are made once: tests name them by a parameter
SCRIPT = "<script>window.hacked=1<\\script>"
IMAGE = "<img src=x onerror=window.hacked=2>"
QUOTED = "\"'><svg onload=window.hacked=3>"
COMMENT = "--><b>{{7*7}}"
MATHS = "$\\frac{$ & ]]>"
NAMES = (SCRIPT, IMAGE, QUOTED, COMMENT, MATHS)
SCORES = [0.5, 0.0, DIVERGED, 0.4, 0.42]


@pytest.fixture(scope="module")
def of_records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report whose strategies, tasks, models, labels, descriptions, versions, parameters and errors are hostile."""
    folder = tmp_path_factory.mktemp("records")
    texts = {"description": SCRIPT, "reference": IMAGE, "dataset": QUOTED, "versions": {SCRIPT: IMAGE}}
    cells = [
        SyntheticCell(SCORES, model=IMAGE, task=task, strategy=name, label_names=(SCRIPT, QUOTED), **texts)  # type: ignore[arg-type]
        for task, names in ((SCRIPT.replace("\\", ""), NAMES[:1]), (QUOTED, NAMES))
        for name in names
    ]
    broken = [f"{SCRIPT} window.hacked=6", IMAGE, *SCORES]
    cells.append(SyntheticCell(broken, model=IMAGE, task=QUOTED, strategy="broken", learning_rate=3e-5, **texts))  # type: ignore[arg-type]
    write_runs(folder / "runs", cells)
    build(folder / "runs", folder / "reports", provenance=True, incomplete=True)
    return folder


@pytest.fixture(scope="module")
def of_scores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `stabbench compare` makes of a CSV file with hostile names, some of them paths."""
    folder = tmp_path_factory.mktemp("scores")
    names = (*NAMES, "../../escaped", "</script><script>window.hacked=4</script>", "/etc/x")
    tasks = ("../../t", "</style></title><img src=x onerror=window.hacked=5>", MATHS)
    rows = [
        {"model": "../m", "strategy": name, "task": task, "seed": seed, "score": 0.5 + 0.01 * seed * len(name) % 0.4}
        for number, task in enumerate(tasks)
        for name in (*names[:2], *names[2 + number :: 3])
        for seed in range(1, 6)
    ]
    (folder / "project").mkdir()
    pd.DataFrame(rows).to_csv(folder / "project" / "results.csv", index=False)
    ended = here(folder / "project", "compare", "results.csv", "--out", "reports")
    assert ended.status == 0, ended.errors
    return folder / "project"


@pytest.mark.parametrize("kind", ["of_records", "of_scores"])
def test_nothing_is_written_outside_the_reports_folder(kind: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(kind)
    allowed = {"reports", "runs", "runs-store", "results.csv"}
    assert {path.name for path in folder.iterdir()} <= allowed
    if kind == "of_scores":
        assert {path.name for path in folder.parent.iterdir()} == {"project"}


@pytest.mark.parametrize("kind", ["of_records", "of_scores"])
def test_the_page_and_its_figures_hold_no_element_that_a_name_brought(
    kind: str, request: pytest.FixtureRequest
) -> None:
    reports = request.getfixturevalue(kind) / "reports"
    html = (reports / "index.html").read_text(encoding="utf-8")
    assert len(re.findall(r"<script\b", html)) == 1
    assert not re.search(r"<(img|b|svg onload)\b[^>]*hacked", html)
    assert "onerror=window" in html.replace("&lt;img src=x ", "")
    assert "{{7*7}}" in html
    for path in reports.rglob("*.svg"):
        tags = {element.tag.rpartition("}")[2] for element in ElementTree.parse(path).iter()}
        assert not tags & {"script", "img", "b", "foreignObject"}, path
        assert not re.search(r"<[^>]*\son\w+=", path.read_text(encoding="utf-8")), path


def test_what_broke_a_run_is_there_to_read_as_text(of_records: Path) -> None:
    html = (of_records / "reports" / "index.html").read_text(encoding="utf-8")
    assert "2 runs broke: seed 1 of" in html
    assert "RuntimeError: &lt;script&gt;window.hacked=1&lt;\\script&gt; window.hacked=6; seed 2 of" in html


@pytest.mark.parametrize("kind", ["of_records", "of_scores"])
def test_markdown_and_latex_show_names_as_text(kind: str, request: pytest.FixtureRequest) -> None:
    tables = request.getfixturevalue(kind) / "reports" / "tables"
    markdown = (tables / "stability.md").read_text(encoding="utf-8")
    assert not re.search(r"(?<!\\)<", markdown)
    latex = (tables / "stability.tex").read_text(encoding="utf-8")
    assert "<" not in latex
    assert r"\frac" not in latex.replace(r"\textbackslash{}frac", "")


@needs_browser
@pytest.mark.parametrize("kind", ["of_records", "of_scores"])
def test_in_a_browser_no_code_of_a_name_runs_and_the_name_is_there_to_read(
    kind: str, request: pytest.FixtureRequest
) -> None:
    page = request.getfixturevalue(kind) / "reports" / "index.html"
    with browser() as tab:
        tab.emulate()
        tab.open(page)
        assert tab.run("typeof window.hacked") == "undefined"
        texts = tab.run("Array.from(document.querySelectorAll('table.stability th')).map(e => e.textContent.trim())")
        for name in NAMES:
            assert any(name in text for text in texts), name
        tab.run("document.querySelectorAll('button, summary').forEach(element => element.click())")
        assert tab.run("typeof window.hacked") == "undefined"
        assert tab.complaints() == []
