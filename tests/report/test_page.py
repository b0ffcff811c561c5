"""The page in a real browser, and its colours by computation."""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pandas as pd
import pytest

from stabbench.report.build import build
from tests.analysis.synthetic import SyntheticCell, write_runs
from tests.report.browser import Browser, browser, needs_browser

HOSTILE = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"
CELLS = [
    SyntheticCell([0.5, 0.0, *[0.4 + 0.02 * seed for seed in range(8)]], reference=HOSTILE),
    SyntheticCell([0.5 + 0.001 * seed for seed in range(10)], strategy="mosbach", epochs=6),
    SyntheticCell([0.0] * 10, strategy="never"),
    SyntheticCell([0.9 - 0.02 * seed for seed in range(10)], task="paraphrase", description=HOSTILE),
    SyntheticCell([0.7, 0.0, *[0.6] * 8], task="paraphrase", strategy="mosbach", epochs=6),
]
SEVERAL = "(selector => Array.from(document.querySelectorAll(selector)).map(e => e.textContent.trim()))"
SHOWN = "(selector => Array.from(document.querySelectorAll(selector)).filter(e => e.getClientRects().length).length)"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    write_runs(folder / "runs", CELLS)
    build(folder / "runs", folder / "reports", provenance=True)
    alone = folder / "alone" / "index.html"
    alone.parent.mkdir()
    alone.write_bytes((folder / "reports" / "index.html").read_bytes())
    return alone


@pytest.fixture(scope="module")
def tab() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


@pytest.fixture
def opened(tab: Browser, page: Path) -> Browser:
    tab.emulate()
    tab.open(page)
    return tab


def column(tab: Browser, place: int) -> list[str]:
    return list(tab.run(f"{SEVERAL}('table.stability tbody tr > :nth-child({place})')"))


@needs_browser
def test_the_page_alone_in_a_folder_opens_without_a_complaint_and_asks_no_host(opened: Browser, page: Path) -> None:
    assert opened.complaints() == []
    asked = {url.partition(",")[0] for url in opened.asked()}
    assert page.as_uri() in asked
    assert asked <= {page.as_uri(), "data:"}
    assert page.stat().st_size < 5_000_000
    assert opened.run("typeof window.hacked") == "undefined"


@needs_browser
def test_every_figure_is_there_with_a_name_and_a_description(opened: Browser) -> None:
    figures = opened.run(
        "Array.from(document.querySelectorAll('svg.figure')).map(f => [f.getAttribute('role'), "
        "document.getElementById(f.getAttribute('aria-labelledby')).textContent, "
        "document.getElementById(f.getAttribute('aria-describedby')).textContent, f.getBoundingClientRect().width, "
        "f.querySelectorAll('path').length])"
    )
    assert len(figures) >= 2 + 4 + 2
    for role, title, description, width, paths in figures:
        assert role == "img"
        assert 5 < len(title) <= len(description)
        assert width > 100
        assert paths > 5


@needs_browser
def test_a_table_sorts_up_down_and_back_and_says_so(opened: Browser) -> None:
    head = "table.stability thead tr:last-child th:nth-child(2)"
    sorting = f"document.querySelector('{head}').getAttribute('aria-sort')"
    planned = column(opened, 1)
    opened.click(f"{head} button")
    values = [float(re.sub("⋆|significant", "", text)) for text in column(opened, 2)]
    assert values == sorted(values)
    assert opened.run(sorting) == "ascending"
    opened.click(f"{head} button")
    assert opened.run(sorting) == "descending"
    assert column(opened, 1)[0].startswith("devlin")
    opened.click(f"{head} button")
    assert opened.run(sorting) is None
    assert column(opened, 1) == planned
    assert opened.complaints() == []


@needs_browser
def test_a_table_sorts_by_keyboard_and_what_is_not_available_stays_last(opened: Browser) -> None:
    opened.run("document.querySelectorAll('details').forEach(d => { d.open = true })")
    opened.run("document.querySelector('#cost th:nth-child(7) button').focus()")
    for expected in (["30", "33.3", "60", "66.7", "n/a"], ["66.7", "60", "33.3", "30", "n/a"]):
        opened.press("ENTER")
        assert opened.run(f"{SEVERAL}('#cost h2 ~ .scroll:first-of-type td:nth-child(7)')") == expected


@needs_browser
def test_the_filter_leaves_out_a_strategy_by_mouse_in_tables_and_figures(opened: Browser) -> None:
    opened.click("#filter summary")
    rows, points = "table.stability tbody tr", '#scores svg [data-strategy="0"]'
    opened.run("document.querySelector('#pairs details').open = true")
    assert (opened.run(f"{SHOWN}('{rows}')"), opened.run(f"{SHOWN}('{points}')") > 4) == (3, True)
    opened.click("#filter input[name=strategy][value='0']")
    assert opened.run(f"{SHOWN}('{rows}')") == 2
    assert opened.run(f"{SHOWN}('{points}')") == 0
    assert opened.run(f"{SHOWN}('#training figure')") == 3
    assert opened.run(f"{SHOWN}('#pairs table.pairs tbody tr')") == 1
    assert "2 of 3 strategies" in opened.run("document.querySelector('#filter output').textContent")
    opened.click("#filter button[type=reset]")
    assert opened.run("new Promise(done => setTimeout(done, 50))") is None
    assert opened.run(f"{SHOWN}('{rows}')") == 3
    assert opened.complaints() == []


@needs_browser
def test_the_filter_leaves_out_a_task_by_keyboard_alone(opened: Browser) -> None:
    opened.run("document.querySelector('#filter summary').focus()")
    opened.press("ENTER")
    opened.press("TAB")
    assert opened.run("document.activeElement.name + document.activeElement.value") == "task0"
    assert opened.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    opened.press(" ")
    assert opened.run(f"{SHOWN}('#scores figure')") == 1
    assert opened.run(f"{SHOWN}('table.stability tbody tr:first-child td')") == 4
    assert opened.run(f"{SHOWN}('#cost h2 ~ .scroll:first-of-type tbody tr')") == 2


@needs_browser
def test_figures_are_saved_as_svg_that_stands_alone_and_their_data_as_csv(opened: Browser, tmp_path: Path) -> None:
    opened.save_into(tmp_path)
    opened.click("#scores figure:first-of-type button.svg")
    opened.click("#scores figure:first-of-type .downloads a")
    end = time.monotonic() + 20
    while len(list(tmp_path.glob("*.svg")) + list(tmp_path.glob("*.csv"))) < 2 and time.monotonic() < end:
        opened.run("new Promise(done => setTimeout(done, 100))")
    (svg,), (table,) = tmp_path.glob("*.svg"), tmp_path.glob("*.csv")
    root = ElementTree.fromstring(svg.read_text(encoding="utf-8"))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "var(" not in svg.read_text(encoding="utf-8")
    saved = pd.read_csv(table)
    for cell in CELLS[:3]:
        scores = saved.loc[saved["strategy"] == cell.strategy, "score"]
        assert scores.tolist() == pytest.approx(cell.scores)


def test_every_figure_has_its_data_as_csv_in_the_page(page: Path) -> None:
    figures = re.findall(r"<figure.*?</figure>", page.read_text(), flags=re.DOTALL)
    for figure in (text for text in figures if "<svg" in text):
        (link,) = re.findall(r'href="data:text/csv;charset=utf-8,([^"]+)"', figure)
        rows = list(csv.reader(io.StringIO(unquote(link))))
        assert len(rows) > 1
        assert len({len(row) for row in rows}) == 1


@needs_browser
@pytest.mark.parametrize("width", [400, 1000, 1800])
def test_nothing_but_wide_tables_scrolls_sideways(opened: Browser, width: int) -> None:
    opened.emulate(width=width)
    assert opened.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@needs_browser
def test_landmarks_headings_and_tables_can_be_found_by_a_screen_reader(opened: Browser) -> None:
    for landmark in ("header", "nav[aria-label]", "main", "footer", "form[aria-label]"):
        assert opened.run(f"document.querySelectorAll('body {landmark}').length") == 1, landmark
    levels = opened.run("Array.from(document.querySelectorAll('h1,h2,h3,h4')).map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert opened.run("Array.from(document.querySelectorAll('table')).every(t => t.caption)")
    assert opened.run("Array.from(document.querySelectorAll('th')).every(h => h.scope)")
    assert opened.run("Array.from(document.querySelectorAll('tbody tr')).every(r => r.querySelector('th[scope=row]'))")
    assert opened.run("Array.from(document.querySelectorAll('button, a, [tabindex=\"0\"]')).every("
                      "e => (e.getAttribute('aria-label') || e.textContent).trim())")  # fmt: skip
    opened.press("TAB")
    assert opened.run("document.activeElement.getAttribute('href')") == "#main"


@needs_browser
def test_dark_and_reduced_motion_are_followed_and_paper_is_light(opened: Browser) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light = opened.run(ground)
    opened.emulate(scheme="dark", motion="reduce")
    assert opened.run(ground) != light
    assert opened.run("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    opened.emulate(scheme="dark", media="print")
    assert opened.run("getComputedStyle(document.documentElement).getPropertyValue('--paper').trim()") == "#fdfdfc"
    assert opened.run(f"{SHOWN}('nav, form, .downloads')") == 0


def luminance(color: str) -> float:
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2's contrast of two colours."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_a_contrast_of_four_and_a_half_and_marks_of_three(page: Path, theme: str) -> None:
    light, dark, *_ = re.findall(r":root \{([^}]*)\}", page.read_text())
    colors = dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6})", light if theme == "light" else dark))
    for text in ("--ink", "--muted", "--link", "--figure-ink", "--figure-muted"):
        assert contrast(colors[text], colors["--paper"]) >= 4.5, text
    for text in ("--ink", "--muted", "--link"):
        assert contrast(colors[text], colors["--raised"]) >= 4.5, text
    assert contrast(colors["--warn"], colors["--warn-paper"]) >= 4.5
    assert contrast(colors["--ink"], colors["--low"]) >= 4.5
    marks = [name for name in colors if name.startswith("--strategy-")]
    assert len(marks) == 8
    for name in marks:
        assert contrast(colors[name], colors["--paper"]) >= 3, name
