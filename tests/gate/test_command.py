"""`stabbench check` as a command: exit status, what it prints, and which runs it reads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import stabbench
from stabbench.cli import main
from stabbench.plan import write_plan
from stabbench.report.content import gather
from stabbench.report.tables import write_scores
from tests.analysis.synthetic import SyntheticCell, write_runs

STEADY = [0.5 + 0.001 * seed for seed in range(12)]
FAILING = [*STEADY[:5], *(-0.01 * number for number in range(1, 8))]
CSV = "strategy,task,seed,score,failed\n" + "".join(
    f"{strategy},rte,{seed},{score},{str(score <= 0).lower()}\n"
    for strategy, values in (("devlin", FAILING), ("mosbach", STEADY))
    for seed, score in enumerate(values)
)


def check(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["check", *arguments])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose runs are trained: devlin fails in 7 of 12, mosbach in none."""
    cells = [
        SyntheticCell(FAILING, gradient_norms=False),
        SyntheticCell(STEADY, strategy="mosbach", gradient_norms=False),
    ]
    selected = write_runs(tmp_path / "runs", cells)
    write_plan(tmp_path / "plan", [item.cell for item in selected])
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STABBENCH_STORE", raising=False)
    return tmp_path


def test_the_runs_of_a_project_pass_or_fail_with_the_reason(project: Path) -> None:
    failed = check("--max-failed", ".1")
    assert failed.exit_code == 1
    assert failed.stdout.splitlines() == [
        "devlin on acceptability: 7 of 12 runs failed (58 %, 95 % interval 32 to 81 %), at most 10 % are allowed",
        "failed: 1 reason; 2 cells",
    ]
    passed = check("--max-failed", ".1", "--strategy", "mosbach")
    assert (passed.exit_code, passed.stdout) == (0, "passed: 1 cell\n")
    assert check("--not-less-stable-than", "mosbach").exit_code == 1
    assert check("--max-failed", ".1", "--markdown", "verdict.md").stdout == failed.stdout
    assert "stabbench check** failed: 1 reason" in (project / "verdict.md").read_text(encoding="utf-8")


def test_a_planned_run_or_cell_that_is_not_there_fails_unless_it_may(project: Path) -> None:
    more = [SyntheticCell([*STEADY, 0.5], strategy="mosbach"), SyntheticCell([0.5, 0.6], strategy="mixout")]
    write_plan(project / "plan", [SyntheticCell(FAILING).plan(), *(cell.plan() for cell in more)])
    write_runs(project / "runs", [SyntheticCell([*STEADY, None], strategy="mosbach", gradient_norms=False)])
    found = check("--max-failed", ".6")
    assert found.exit_code == 1
    assert "mosbach on acceptability: 1 of 13 planned runs is missing (seed 13)" in found.stdout
    assert "mixout on acceptability: 2 of 2 planned runs are missing (seeds 1-2)" in found.stdout
    assert check("--max-failed", ".6", "--incomplete").exit_code == 0


def test_a_cell_that_is_no_longer_planned_is_not_checked(project: Path) -> None:
    (project / "plan/synthetic/acceptability/devlin.json").unlink()
    assert check("--max-failed", ".1").exit_code == 0


def test_the_scores_of_a_report_give_the_projects_own_verdict(project: Path) -> None:
    write_scores(gather(project / "runs"), project)
    scores = "scores.csv"
    limits = ("--max-failed", ".1", "--max-std", ".01", "--not-less-stable-than", "mosbach")
    by_file = check(scores, *limits)
    assert by_file.exit_code == 1
    assert by_file.stdout == check(*limits).stdout
    same = check("--against", scores)
    assert (same.exit_code, same.stdout) == (0, "passed: 2 cells, no test, 2 cells with the very runs compared with\n")


def test_python_gives_the_verdict_with_its_reasons(project: Path) -> None:
    verdict = stabbench.Project(project).check(max_failed=0.1)
    assert not verdict.passed
    assert [(reason.about, reason.places[0].name) for reason in verdict.reasons] == [
        ("failed runs", "synthetic/acceptability/devlin")
    ]
    assert str(verdict) == check("--max-failed", ".1").stdout.rstrip()
    write_scores(gather(project / "runs"), project / "main")
    assert stabbench.Project(project).check(against="main/scores.csv", strategy="devlin").passed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to check: give --max-failed SHARE, --max-std X, --not-less-stable-than NAME or --against FILE"),
        (["--max-failed", "10"], "--max-failed is 10, expected a share between 0 and 1"),
        (["none.csv", "--max-failed", ".1"], "none.csv: there is no such file"),
        (["--max-failed", ".1"], "no runs in runs"),
        (["--max-failed", ".1", "--percent"], "--percent says how a file is read, expected RESULTS or --against FILE"),
        (
            ["results.csv", "--max-failed", ".1", "--runs", "r"],
            "--runs says how a project's runs are read, expected",
        ),
        (["results.csv", "--max-failed", ".1", "--majority", "rte"], "found 'rte', expected TASK=VALUE once a task"),
    ],
)
def test_what_cannot_be_checked_is_a_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("results.csv").write_text(CSV)
    result = check(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.output


def test_a_file_is_read_as_compare_reads_it(tmp_path: Path) -> None:
    lines = [line.split(",") for line in CSV.splitlines()[1:]]
    rows = [f"{name},{task},{seed},{float(score) * 100}\n" for name, task, seed, score, _ in lines]
    (tmp_path / "export.csv").write_text("method,dataset,seed,accuracy\n" + "".join(rows).replace("-", ""))
    reading = ("--columns", "strategy=method,task=dataset,score=accuracy", "--percent", "--majority", "rte=40")
    result = check(str(tmp_path / "export.csv"), "--max-failed", ".1", *reading)
    assert result.exit_code == 1, result.output
    assert "devlin on rte: 7 of 12 runs failed" in result.stdout
    assert "note: Scores were read as per cent" in result.stderr


def test_a_file_is_checked_without_torch_mlflow_or_records(tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text(CSV)
    program = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers", "mlflow", "datasets", "dvc", "ray"):
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Absent())
from stabbench.cli import main
main(["check", {str(tmp_path / "results.csv")!r}, "--max-failed", ".6", "--not-less-stable-than", "mosbach"])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[-1] == "failed: 2 reasons; 2 cells, 2 tests at α = 0.05"
