"""The site is built from docs/, README.md and what they link, without asking any host."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click import Context

from stabbench.cli import main

pytestmark = pytest.mark.xdist_group("site")  # it is built once
ROOT = Path(__file__).parent.parent
LOADED = re.compile(r"""<(?:script|img|iframe|source)[^>]*\ssrc=["']?(?:https?:)?//|<link[^>]*\shref=["']?https?://""")
LISTED = re.compile(r"^- \[[^\]]+\]\(([^)]+)\)", re.MULTILINE)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole site; a link or an anchor that leads nowhere fails the build."""
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    process = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout + process.stderr
    return folder


def test_its_first_page_is_the_readme(site: Path) -> None:
    page = (site / "index.html").read_text(encoding="utf-8")
    assert "was I lucky with the seed?" in page
    assert 'href="tutorial/first.html"' in page
    assert 'src="repository/reports/figures/stability.png"' in page


def test_it_has_what_pages_link_outside_of_docs(site: Path) -> None:
    for place in (
        "repository/reports/index.html",
        "repository/reports/tables/stability.csv",  # the report's own link
        "repository/reports/minilm/readme.html",
        "repository/reports/benchmarks/cpu.html",
        "repository/examples/fine_tune.py.html",
    ):
        assert (site / place).is_file(), place


def test_no_list_and_no_table_is_left_as_it_is_written(site: Path) -> None:
    """As happens where one follows a paragraph without an empty line."""
    raw = re.compile(r"<p>(?:(?!</p>).)*\n(?:- |\d+\. |\|)", re.DOTALL)
    pages = [page for page in site.rglob("*.html") if page.name != "404.html" and "reports" not in page.parts]
    assert [page.name for page in pages if raw.search(page.read_text(encoding="utf-8"))] == []


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    pages = [page for page in site.rglob("*.html") if "reports" not in page.parts]
    assert len(pages) > 40
    assert [page.name for page in pages if LOADED.search(page.read_text(encoding="utf-8"))] == []


def test_every_command_has_a_section_with_its_options(site: Path) -> None:
    page = (site / "reference/commands.html").read_text(encoding="utf-8")
    for name in main.list_commands(Context(main)):
        assert f'<h2 id="stabbench-{name}">' in page, name
    assert "--not-less-stable-than" in page


def test_the_reference_is_that_of_the_docstrings(site: Path) -> None:
    page = (site / "reference/python.html").read_text(encoding="utf-8")
    for name in ("Project", "Project.train", "compare", "Comparison.stability", "record", "metric", "UserError"):
        assert f'id="stabbench.{name}"' in page, name


def test_what_the_page_for_agents_lists_is_there_on_the_site_and_in_the_repository(site: Path) -> None:
    text = (site / "llms.txt").read_text(encoding="utf-8")
    listed = LISTED.findall(text)
    assert text.startswith("# stabbench\n\n> ")
    assert len(listed) > 20
    for page in listed:
        assert (ROOT / "docs" / page).is_file(), page
        assert (site / page).is_file(), page
