from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest

from stabbench.analysis.manifest import FILE, FigureFile, read_manifest, write_manifest
from stabbench.analysis.place import Place
from stabbench.errors import UserError
from stabbench.files import read_json
from stabbench.report.build import build
from stabbench.report.content import Content, gather
from stabbench.report.figures.drawing import style
from stabbench.report.section import Section
from tests import warm
from tests.analysis.synthetic import DIVERGED, SyntheticCell, write_runs

HOSTILE = "<script>alert('x')</script> & \"co\""
CELLS = [
    SyntheticCell(
        [0.5, 0.0, DIVERGED, *[0.4 + 0.02 * step for step in range(8)]], learning_rate=1e-3, reference=HOSTILE
    ),
    SyntheticCell([0.5 + 0.001 * step for step in range(11)], strategy="mosbach", epochs=6, learning_rate=1e-3),
]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


SWALLOWED = """
import signal, sys
from pathlib import Path
from stabbench.report.build import build
from stabbench.signals import Stopped, signals_as_exceptions

class Dying:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

def made(kind, done, total):
    if (kind, done) == ("chapters", 2):
        Dying()

signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    with signals_as_exceptions():
        build(Path(sys.argv[1]), Path(sys.argv[2]), progress=made)
except Stopped as stop:
    print(f"stopped by {stop.signal.name}")
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    write_runs(folder / "runs", CELLS)
    build(folder / "runs", folder / "reports")
    return folder


def read_sections(reports: Path) -> dict[str, list[str]]:
    """The files beside `facts.json` that the page has for each section: its figures, and the data it carries."""
    html = (reports / "index.html").read_text()
    found: dict[str, list[str]] = {}
    for name, text in re.findall(r'<section id="([^"]+)"(.*?)</section>', html, flags=re.DOTALL):
        if f"studies/{name}/facts.json" in text:
            found[name] = re.findall(r'download="([^"]+\.csv)">', text)
            found[name] += [
                f"{stem}.{kind}" for stem in re.findall(r'class="svg" value="([^"]+)"', text) for kind in ("svg", "png")
            ]
    return found


class Page(HTMLParser):
    """Collects what a page refers to, its ids, its scripts, and elements that are left open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.ids: list[str] = []
        self.scripts: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "link", "br", "img", "input"}:
            self.open.append(tag)
        for name, value in attributes:
            if name in {"href", "src", "xlink:href", "srcset"} and value is not None:
                self.references.append(value)
            if name == "id" and value is not None:
                self.ids.append(value)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def html(project: Path) -> str:
    return (project / "reports" / "index.html").read_text()


def test_everything_that_a_report_has_is_made(project: Path) -> None:
    figures = ("stability", "training-curves-synthetic-acceptability", "gradient-norms-synthetic-acceptability")
    expected = {
        "index.html",
        "metrics.json",
        "figures/manifest.json",
        *(f"figures/{name}.{kind}" for name in figures for kind in ("svg", "png")),
    }
    expected |= {
        f"tables/{name}"
        for name in (
            "stability.md",
            "stability.tex",
            "stability.csv",
            "scores.csv",
            "pairwise.csv",
            "warnings.csv",
            "statistics.json",
        )
    }
    expected |= {f"plots/{name}.csv" for name in ("scores", "train_loss", "dev_score")}
    expected |= {"plots/scores.json", "plots/curves.json"}
    sections = read_sections(project / "reports")
    expected |= {f"studies/{name}/facts.json" for name in sections}
    expected |= {f"studies/{name}/{item}" for name, items in sections.items() for item in items}
    assert set(contents(project / "reports")) == expected


def test_the_same_records_give_the_same_bytes_whatever_their_timings_dates_and_working_trees(
    tmp_path: Path, project: Path
) -> None:
    """The same results with other provenance: only what is no part of a committed report differs."""
    write_runs(tmp_path / "runs", CELLS)
    for path in (tmp_path / "runs").rglob("provenance.json"):
        other = read_json(path) | {"created": "2031-01-01T00:00:00Z", "git_dirty": False, "git_commit": "f" * 40}
        del other["seal"]
        path.write_text(json.dumps(other | {"seconds": {"training": 9.9, "evaluation": 9.9, "total": 19.8}}))
    build(tmp_path / "runs", tmp_path / "reports")
    assert contents(tmp_path / "reports") == contents(project / "reports")


@dataclass(frozen=True)
class Extended:
    """A report of records of which some are missing, with their provenance and the chapter of a study."""

    folder: Path
    letters: object
    """Their size where the study's chapter was made."""

    @property
    def html(self) -> str:
        return (self.folder / "reports/index.html").read_text()


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Extended:
    seen: list[object] = []

    def sections(content: Content) -> list[Section]:
        seen.append(mpl.rcParams["font.size"])
        return [Section("ablation", "Ablation", "Look.", ["Found."], data={"scores": pd.DataFrame({"a": [1]})})]

    folder = tmp_path_factory.mktemp("extended")
    one_missing = replace(CELLS[0], scores=[*CELLS[0].scores, None])
    write_runs(folder / "runs", [one_missing, SyntheticCell([None, None], strategy="mosbach")])
    build(folder / "runs", folder / "reports", provenance=True, incomplete=True, sections=sections)
    return Extended(folder, *seen)


def test_where_provenance_is_asked_for_the_page_says_it(extended: Extended) -> None:
    """Synthetic run `s` took 1.1 + s seconds; devlin's 11 runs, 9 of them successful, 78.1."""
    html = extended.html
    assert f"Trained at {'0' * 40}, changed (11 runs)." in html
    assert "Records were made between 2026-01-02T00:00:00Z and 2026-01-12T00:00:00Z." in html
    row = re.search(
        r'<tr[^>]*><th scope="row">acceptability</th><td class="name">devlin</td>(<td>7</td>.*?)</tr>', html
    )
    assert row is not None
    assert re.findall(r"<td>(.*?)</td>", row[1]) == ["7", "0.1", "7.1", "8.68", "cpu", "1", "1"]


def test_what_studies_and_probes_draw_has_the_style_of_all_figures(extended: Extended) -> None:
    with style():
        assert extended.letters == mpl.rcParams["font.size"] != mpl.rcParamsDefault["font.size"]


def test_missing_runs_stop_a_report_before_anything_is_written_and_incomplete_shows_them(
    extended: Extended, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"--strategy mosbach --seeds 1-2"):
        build(extended.folder / "runs", tmp_path / "reports")
    assert not (tmp_path / "reports").exists()
    assert "synthetic/acceptability/devlin n = 11/12" in extended.html
    assert "synthetic/acceptability/mosbach n = 0/2" in extended.html


def test_a_stop_that_a_destructor_swallowed_counts_at_the_next_chapter(tmp_path: Path) -> None:
    """In a process of its own, as this one may have been left by others in a state in which no signal is heard."""
    write_runs(tmp_path / "runs", [SyntheticCell([0.5])])
    ended = subprocess.run(
        [warm.python(), "-c", SWALLOWED, str(tmp_path / "runs"), str(tmp_path / "reports")],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert ended.stdout == "stopped by SIGINT\n", ended.stderr
    assert not (tmp_path / "reports/index.html").exists()
    build(tmp_path / "runs", tmp_path / "reports")


def test_the_page_lists_its_sections_by_part_in_the_order_in_which_they_stand(extended: Extended) -> None:
    nav = re.search(r"<nav.*?</nav>", extended.html, flags=re.DOTALL)
    assert nav is not None
    listed = re.findall(r'href="#([^"]+)"', nav[0])
    standing = re.findall(r'<(?:section|p class="part") id="([^"]+)"', extended.html)
    assert listed == standing
    assert listed.index("part-causes") < listed.index("part-studies") < listed.index("ablation")
    assert listed.index("ablation") < listed.index("part-making")
    assert read_json(extended.folder / "reports/studies/ablation/facts.json")["found"] == ["Found."]


@pytest.mark.parametrize(("order", "names"), [("plan", ["devlin", "mosbach"]), ("std", ["mosbach", "devlin"])])
def test_strategies_stand_in_the_order_that_was_asked_for(project: Path, order: str, names: list[str]) -> None:
    content = gather(project / "runs", incomplete=False, levene_center="median", alpha=0.001, order=order)
    assert content.strategies == names
    assert list(content.table["strategy"]) == names
    assert [item.cell.strategy for item in content.selection.cells] == names


def test_the_page_is_well_formed_and_asks_no_host(html: str, project: Path) -> None:
    page = Page(html)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert "//" not in re.sub(r'xmlns(:\w+)?="[^"]+"|sha256-[^\']+', "", html)
    for reference in page.references:
        if reference.startswith("#"):
            assert reference[1:] in page.ids
        elif not reference.startswith("data:"):
            assert (project / "reports" / reference).is_file(), reference


def test_what_records_say_is_escaped(html: str) -> None:
    assert HOSTILE not in html
    assert "&lt;script&gt;alert(" in html
    assert len(Page(html).scripts) == 1


def test_the_pages_policy_lets_its_own_script_run_and_nothing_else(html: str) -> None:
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html)
    assert policy is not None
    digest = base64.b64encode(hashlib.sha256(Page(html).scripts[0].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}';" in policy[1]


def test_the_page_answers_first_and_in_numbers(html: str) -> None:
    answer = re.search(r'<p class="answer">(.*?)</p>', html)
    assert answer is not None
    text = answer[1].replace("\u00a0", " ")
    assert text.startswith("mosbach has the smallest standard deviation on acceptability, ")
    assert "Of its 11 runs devlin failed in 2, mosbach in 0 of 11" in text
    assert "acceptability p = 0.48" in text
    assert "up to 1e-3" in html


def test_colours_of_figures_follow_light_and_dark(html: str) -> None:
    figures = "".join(re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL))
    assert "var(--strategy-0)" in figures
    assert not re.search(r"#[0-9a-f]{6}\b", figures)
    used = set(re.findall(r"var\((--[a-z0-9-]+)\)", html))
    assert all(f"{name}:" in html for name in used)


@pytest.fixture(scope="module")
def over_an_older_one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of one strategy and one seed, where one of a task that is no longer planned was, and others' files."""
    folder = tmp_path_factory.mktemp("older")
    write_runs(folder / "runs", [SyntheticCell([0.5])])
    figures = folder / "reports" / "figures"
    figures.mkdir(parents=True)
    old = [f"{kind}-synthetic-old" for kind in ("training-curves", "gradient-norms")]
    write_manifest(figures, [FigureFile(stem, "training", Place("synthetic", "old")) for stem in old])
    for name in (*(f"{stem}.{ending}" for stem in old for ending in ("svg", "png")), "training-curves-mine-old.svg"):
        (figures / name).touch()
    mine = folder / "reports" / "studies" / "ablation" / "model" / "cell.json"
    mine.parent.mkdir(parents=True)
    mine.write_text("{}")
    build(folder / "runs", folder / "reports")
    return folder / "reports"


def test_a_report_of_one_strategy_and_one_seed_says_that_it_cannot_judge(over_an_older_one: Path) -> None:
    html = (over_an_older_one / "index.html").read_text()
    assert "none can be called stable" in html
    assert "no run failed, so there is no failed run to set beside a successful one" in html
    assert not list((over_an_older_one / "figures").glob("gradient-norms-*"))
    metrics = read_json(over_an_older_one / "metrics.json")
    assert "std" not in metrics["stability"]["synthetic"]["acceptability"]["devlin"]


def test_figures_of_tasks_that_the_plan_no_longer_has_are_removed(over_an_older_one: Path) -> None:
    """By the manifest that the older report left, which `test_the_manifest_says_what_each_figure_is_about` reads."""
    assert [path.name for path in (over_an_older_one / "figures").glob("*-old.*")] == ["training-curves-mine-old.svg"]


def test_a_folder_that_no_report_made_is_left_alone(over_an_older_one: Path) -> None:
    assert (over_an_older_one / "studies/ablation/model/cell.json").exists()


def test_the_manifest_says_what_each_figure_is_about(project: Path) -> None:
    place = Place("synthetic", "acceptability")
    figures = project / "reports" / "figures"
    assert read_manifest(figures) == [
        FigureFile("stability", "scores", None),
        FigureFile("training-curves-synthetic-acceptability", "training", place),
        FigureFile("gradient-norms-synthetic-acceptability", "gradients", place),
    ]
    assert {path.stem for path in figures.glob("*.svg")} == {item.stem for item in read_manifest(figures)}


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"figures": 1}', '{"figures": [{"stem": "../../mine", "kind": "scores", "place": null}]}',
     '{"figures": [{"stem": "mine", "kind": "scores", "place": ["model"]}]}'],
)  # fmt: skip
def test_a_manifest_that_cannot_be_read_or_leaves_its_folder_names_no_figure(text: str, tmp_path: Path) -> None:
    folder = tmp_path / "reports" / "figures"
    folder.mkdir(parents=True)
    (tmp_path / "mine.svg").write_text("somebody's own")
    (folder / FILE).write_text(text)
    assert read_manifest(folder) == []
    write_manifest(folder, [])
    assert (tmp_path / "mine.svg").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levene_center": "media"}, "did you mean 'median'"),
        ({"alpha": 0.0}, "between 0 and 1"),
        ({"alpha": 5}, "is 5"),
        ({"order": "sdt"}, "did you mean 'std'"),
    ],
)
def test_settings_out_of_range_are_refused(
    project: Path, tmp_path: Path, options: dict[str, str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        build(project / "runs", tmp_path / "reports", **options)  # type: ignore[arg-type]


def test_a_folder_without_runs_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="stabbench train"):
        build(tmp_path / "runs", tmp_path / "reports")


def numbers_in(value: object) -> Iterator[float]:
    if isinstance(value, dict):
        for item in value.values():
            yield from numbers_in(item)
    elif isinstance(value, (int, float)):
        yield value


def test_metrics_hold_few_numbers_a_cell_so_that_their_difference_can_be_read(project: Path) -> None:
    metrics = read_json(project / "reports" / "metrics.json")
    assert metrics["stability"]["synthetic"]["acceptability"]["devlin"].keys() == {"std", "mean", "n", "failed"}
    assert metrics["smallest_std"]["synthetic"]["acceptability"]["strategy"] == "mosbach"
    assert sum(1 for _ in numbers_in(metrics)) == 2 * 4 + 1


def test_statistics_are_nested_by_model_task_and_strategy_with_the_tests_beside(project: Path) -> None:
    metrics = read_json(project / "reports" / "tables" / "statistics.json")
    devlin = metrics["stability"]["synthetic"]["acceptability"]["devlin"]
    assert (devlin["n"], devlin["failed"], devlin["diverged"]) == (11, 2, 1)
    assert devlin["max"] == pytest.approx(0.54)
    tests = metrics["tests"]["synthetic"]["acceptability"]
    assert tests["pairs"]["devlin vs mosbach"]["p_fisher"] == pytest.approx(0.47619)
    assert tests["smallest_std"]["strategy"] == "mosbach"
    assert {"p_levene_median", "p_levene_mean", "p_permutation", "star"} <= tests["smallest_std"].keys()
    assert all(float(f"{number:.6g}") == number for number in numbers_in(metrics))
