"""`--json`: what commands print for programs, on the standard output alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from stabbench import scaffold
from stabbench.cli import COMMANDS, main
from stabbench.cli.progress import watch_parts
from stabbench.plan import write_plan
from stabbench.report.build import build
from tests.analysis.synthetic import SyntheticCell, write_runs
from tests.test_pipeline import change_params

STEADY = (0.5 + 0.02 * np.random.default_rng(4).standard_normal(12)).tolist()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("json")
    cells = [
        SyntheticCell([*STEADY[:11], -0.1], gradient_norms=False),
        SyntheticCell(STEADY, strategy="mosbach", gradient_norms=False),
    ]
    write_plan(folder / "plan", [item.cell for item in write_runs(folder / "runs", cells)])
    return folder


@pytest.fixture
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project)
    monkeypatch.delenv("STABBENCH_STORE", raising=False)
    return project


@pytest.fixture(scope="module")
def report(project: Path) -> str:
    """What `report --json` prints."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        patch.delenv("STABBENCH_STORE", raising=False)
        found = CliRunner().invoke(main, ["report", "--json"])
    assert found.exit_code == 0, found.output
    return found.stdout


def test_report_prints_where_the_page_is_and_every_number_of_statistics_json(here: Path, report: str) -> None:
    told = json.loads(report)
    assert (here / told["page"]).is_file()
    written = json.loads((here / "reports/tables/statistics.json").read_text(encoding="utf-8"))
    assert {name: told[name] for name in written} == written
    assert told["stability"]["synthetic"]["acceptability"]["devlin"]["failed"] == 1
    assert "mosbach has the smallest standard deviation" in told["answers"]["synthetic"]


def test_compare_prints_the_same_of_a_file_of_scores(here: Path, report: str) -> None:
    found = CliRunner().invoke(main, ["compare", "reports/tables/scores.csv", "--json"])
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert (here / told["page"]).is_file()
    written = json.loads((here / "reports/tables/statistics.json").read_text(encoding="utf-8"))
    assert told["stability"] == written["stability"]
    assert told["notes"]


@pytest.mark.parametrize("words", [["report"], ["compare", "reports/tables/scores.csv"]], ids=" ".join)
def test_json_and_markdown_at_once_are_refused(here: Path, words: list[str]) -> None:
    found = CliRunner().invoke(main, [*words, "--json", "--format", "md"])
    assert found.exit_code == 2
    assert "leave one of them out" in found.output


def test_plan_prints_the_cells_of_the_grid_and_of_each_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    scaffold.write("minilm", tmp_path)
    task = {"dataset": "acceptability", "train_size": 32, "dev_size": 32}
    study = {"model": "minilm", "task": "acceptability", "learning_rates": [1e-3], "epochs": [1]}
    change_params(
        tmp_path,
        seeds="1-2",
        grid={"models": ["minilm"], "tasks": ["acceptability"], "strategies": ["devlin"]},
        tasks={"acceptability": task},
        studies={"ablation": study},
        probes={},
    )
    assert CliRunner().invoke(main, ["prepare"]).exit_code == 0
    found = CliRunner().invoke(main, ["plan", "--json"])
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert told["groups"]["the grid"] == [
        {"model": "minilm", "task": "acceptability", "strategy": "devlin", "seeds": [1, 2], "updates": 6}
    ]
    assert len(told["groups"]["ablation"]) == 2
    assert all(isinstance(sentence, str) for sentence in told["warnings"])


@pytest.mark.parametrize("workers", [1, 2])
def test_a_report_tells_how_many_of_its_figures_are_drawn(project: Path, tmp_path: Path, workers: int) -> None:
    told: list[tuple[str, int, int]] = []
    build(
        project / "runs", tmp_path, workers=workers, progress=lambda what, done, total: told.append((what, done, total))
    )
    assert [what for what, *_ in told if what != "figures"][:2] == ["records", "chapters"]
    drawn = [(done, total) for what, done, total in told if what == "figures"]
    if workers == 2:  # without a helper each figure is drawn where it is asked for
        assert drawn[-1][0] == drawn[-1][1] > 1
        assert [done for done, _ in drawn] == sorted(done for done, _ in drawn)


def test_without_a_terminal_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with watch_parts("report") as progress:
        progress("records", 0, 0)
        progress("figures", 1, 2)
    assert capsys.readouterr() == ("", "")


def test_the_shell_completes_commands_and_options() -> None:
    complete = ShellComplete(main, {}, "stabbench", "_STABBENCH_COMPLETE")
    assert {item.value for item in complete.get_completions([], "")} == set(COMMANDS)
    assert [item.value for item in complete.get_completions([], "pub")] == ["publish"]
    assert "--margin-mean" in {item.value for item in complete.get_completions(["seeds"], "--m")}


def test_the_program_itself_answers_a_bash_that_asks(tmp_path: Path) -> None:
    environment = {"_STABBENCH_COMPLETE": "bash_complete", "COMP_WORDS": "stabbench comp", "COMP_CWORD": "1"}
    program = "import sys; sys.argv = ['stabbench']; from stabbench.__main__ import run; run()"
    found = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout.split() == ["plain,compare"], found.stderr
