"""`stabbench badge`: one cell in a line, as an SVG and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner, Result

from stabbench.cli import main
from stabbench.plan import write_plan
from stabbench.publishing.badge import GREEN, GREY, RED, YELLOW
from tests.analysis.synthetic import SyntheticCell, write_runs

STEADY = (0.5 + 0.02 * np.random.default_rng(4).standard_normal(25)).tolist()


def badge(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["badge", *arguments])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("badges")
    cells = [
        SyntheticCell([*STEADY[:23], -0.1, 0.0]),
        SyntheticCell(STEADY, strategy="mosbach"),
        SyntheticCell(
            [*STEADY[:5], *(-0.01 * number for number in range(20))], strategy="hf-default", learning_rate=3e-5
        ),
        SyntheticCell(STEADY[:9], strategy="few", learning_rate=4e-5),
        SyntheticCell([*STEADY[:24], None], strategy="incomplete", learning_rate=5e-5),
    ]
    write_plan(folder / "plan", [item.cell for item in write_runs(folder / "runs", cells)])
    return folder


@pytest.fixture
def project(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project, in which no badge lies."""
    for name in ("stability.svg", "stability.json"):
        (made / name).unlink(missing_ok=True)
    monkeypatch.chdir(made)
    monkeypatch.delenv("STABBENCH_STORE", raising=False)
    return made


@pytest.mark.parametrize(
    ("strategy", "message", "color"),
    [
        ("mosbach", f"25 seeds · std {100 * np.std(STEADY, ddof=1):.1f} · 0 failed", GREEN),
        ("devlin", "2 failed", YELLOW),
        ("hf-default", "20 failed", RED),
        ("few", "9 seeds", GREY),
        ("incomplete", "24/25 seeds", GREEN),
    ],
)
def test_it_says_seeds_std_and_failed_runs_in_a_colour_that_agrees(
    project: Path, strategy: str, message: str, color: str
) -> None:
    found = badge("--strategy", strategy)
    assert found.exit_code == 0, found.output
    endpoint = json.loads((project / "stability.json").read_text(encoding="utf-8"))
    assert message in endpoint["message"]
    assert {**endpoint, "message": ""} == {"schemaVersion": 1, "label": "stability", "message": "", "color": color}
    picture = ElementTree.fromstring((project / "stability.svg").read_text(encoding="utf-8"))
    assert picture.attrib["aria-label"] == f"stability: {endpoint['message']}"
    assert color in (project / "stability.svg").read_text(encoding="utf-8")


def test_texts_of_the_picture_lie_inside_of_their_halves(project: Path) -> None:
    badge("--strategy", "mosbach")
    picture = ElementTree.fromstring((project / "stability.svg").read_text(encoding="utf-8"))
    space = "{http://www.w3.org/2000/svg}"
    whole = float(picture.attrib["width"])
    left, right = picture.findall(f"{space}g/{space}rect")
    label, message = picture.findall(f"{space}g/{space}text")
    split = float(left.attrib["width"])
    assert split + float(right.attrib["width"]) == whole
    for text, start, end in ((label, 0.0, split), (message, split, whole)):
        middle, half = float(text.attrib["x"]), float(text.attrib["textLength"]) / 2
        assert start < middle - half
        assert middle + half < end


def test_it_is_made_of_a_file_of_scores_too_and_grey_where_nobody_says_what_failed(tmp_path: Path) -> None:
    rows = [f"mosbach,rte,{seed},{score!r}" for seed, score in enumerate(STEADY)]
    (tmp_path / "scores.csv").write_text("\n".join(["strategy,task,seed,score", *rows]) + "\n")
    out = tmp_path / "badges/rte.svg"
    found = badge(str(tmp_path / "scores.csv"), "--out", str(out))
    assert found.exit_code == 0, found.output
    endpoint = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    assert (endpoint["message"].endswith("failed n/a"), endpoint["color"]) == (True, GREY)
    assert badge(str(tmp_path / "scores.csv"), "--out", str(out), "--majority", "rte=0.1").exit_code == 0
    assert json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))["color"] == GREEN


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "found 5 cells"),
        (["--strategy", "mosbah"], "did you mean 'mosbach'?"),
        (["--strategy", "mosbach", "--out", "badge.png"], "expected a file that ends in .svg"),
        (["--strategy", "mosbach", "--percent"], "--percent says how a file is read, expected RESULTS"),
        (["none.csv"], "none.csv: there is no such file"),
    ],
)
def test_what_cannot_be_made_is_said_and_nothing_is_written(project: Path, arguments: list[str], message: str) -> None:
    found = badge(*arguments)
    assert found.exit_code == 2
    assert message in found.output
    assert not list(project.glob("*.svg"))


def test_a_cell_without_a_finished_run_has_no_badge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STABBENCH_STORE", raising=False)
    write_plan(tmp_path / "plan", [item.cell for item in write_runs(tmp_path / "runs", [SyntheticCell([None, None])])])
    found = badge()
    assert found.exit_code == 2
    assert "none of its 2 runs has finished: run `stabbench train` first" in found.output
