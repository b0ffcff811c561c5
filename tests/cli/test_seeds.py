"""`stabbench seeds`: what it says of a project's or a file's runs, and what it refuses before any work."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import stabbench
from stabbench.analysis.pilot import std_upper_limit
from stabbench.analysis.seeds_needed import seeds_for_mean, seeds_for_share
from stabbench.cli import main
from stabbench.looks import Design
from stabbench.plan import write_plan
from tests.analysis.synthetic import SyntheticCell, write_runs

RANDOM = np.random.default_rng(5)
WIDE = (0.6 + 0.08 * RANDOM.standard_normal(25)).tolist()
NARROW = (0.6 + 0.01 * RANDOM.standard_normal(25)).tolist()
FAILING = [*NARROW[:5], *(-0.01 * number for number in range(1, 8))]


def seeds(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["seeds", *arguments])


def write_csv(path: Path, **arms: list[float]) -> str:
    lines = ["strategy,task,seed,score,failed"]
    for name, scores in arms.items():
        lines += [f"{name},rte,{seed},{score!r},{str(score <= 0).lower()}" for seed, score in enumerate(scores)]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of two strategies with twelve seeds; devlin fails in seven of them, and mosbach lacks its sixth."""
    cells = [
        SyntheticCell(FAILING, gradient_norms=False),
        SyntheticCell([*NARROW[:5], None, *NARROW[6:12]], strategy="mosbach", gradient_norms=False),
    ]
    write_plan(tmp_path / "plan", [item.cell for item in write_runs(tmp_path / "runs", cells)])
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STABBENCH_STORE", raising=False)
    return tmp_path


def test_a_margin_in_points_of_the_tables_is_refused_for_fractions_and_taken_for_losses(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "pilot.csv", devlin=WIDE[:8])
    found = seeds(file, "--margin-mean", "1")
    assert found.exit_code == 2
    assert "--margin-mean is 1, but scores of score are fractions" in found.stderr
    assert "say 0.01" in found.stderr
    losses = Path(file).read_text().replace("score", "eval_loss")
    (tmp_path / "losses.csv").write_text(losses)
    found = seeds(str(tmp_path / "losses.csv"), "--margin-mean", "1", "--columns", "score=eval_loss")
    assert found.exit_code == 0, found.output


def test_the_seeds_for_a_mean_are_those_of_the_upper_limit_of_the_pilots_std(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "pilot.csv", devlin=WIDE[:8])
    found = seeds(file, "--margin-mean", ".02", "--pilot-confidence", ".9")
    limit = std_upper_limit(WIDE[:8], 0.9)
    needed = seeds_for_mean(limit, 0.02)
    assert needed is not None
    line = f"{needed} seeds, {needed - 8} more; the std is {100 * np.std(WIDE[:8], ddof=1):.1f} in the pilot"
    assert line in found.stdout
    assert f"up to {100 * limit:.1f} by its upper 90 % limit" in found.stdout
    assert found.exit_code == 0


def test_the_seeds_for_a_share_of_failed_runs_are_those_of_the_rate_that_is_hardest_to_know(project: Path) -> None:
    found = json.loads(seeds("--margin-failed", ".1", "--json").stdout)
    devlin, mosbach = (cell["failed"] for cell in found["cells"])
    assert (devlin["runs"], devlin["seeds"]) == (7, seeds_for_share(0.5, 0.1))
    assert mosbach["high"] == pytest.approx(1 - 0.2 ** (1 / 11), rel=1e-5)
    assert mosbach["seeds"] == seeds_for_share(1 - 0.2 ** (1 / 11), 0.1)
    assert [cell["seeds"] for cell in found["cells"]] == [12, 11]


def test_failures_that_a_pilot_does_not_rule_out_ask_for_more(tmp_path: Path) -> None:
    file = tmp_path / "pilot.csv"
    file.write_text("strategy,task,seed,score\n" + "".join(f"steady,rte,{n},{x}\n" for n, x in enumerate(NARROW[:10])))
    options = (str(file), "--margin-mean", ".02", "--majority", "rte=.5")
    (found,) = json.loads(seeds(*options, "--json").stdout)["cells"]
    more, fewer = found["mean"]["seeds_if_failing"], found["mean"]["seeds"]
    assert more > fewer
    assert f"should 15 % of the runs fail, which 0 of 10 do not rule out: {more} seeds" in seeds(*options).stdout


def test_a_ratio_of_stds_is_told_for_each_shape_of_scores(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "pilot.csv", devlin=WIDE[:5])
    found = json.loads(seeds(file, "--std-ratio", "5", "--json").stdout)["std_ratio"]
    assert found["seeds"]["normal"] == pytest.approx(9, abs=1)
    assert found["seeds"]["normal"] < min(found["seeds"]["heavy tails"], found["seeds"]["collapsed"])


def test_a_pilot_that_says_nothing_gets_a_reason(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "pilot.csv", two=WIDE[:2], same=[0.5] * 5)
    found = seeds(file, "--margin-mean", ".02").stdout
    assert "n/a, a pilot needs 3 finished runs" in found
    assert "n/a, all scores are the same" in found


def test_looks_say_who_is_told_apart_and_who_needs_how_many_more(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "scores.csv", wide=WIDE[:10], narrow=NARROW[:10], other=NARROW[10:20])
    found = seeds(file, "--stage", "5", "--stages", "5", "--accept", "1")
    assert "rte: look 2 of 5, α = 0.05 over 3 tests" in found.stdout
    assert "wide and narrow: spread told apart at look 2, std " in found.stdout
    assert "next look with 15 seeds an arm: narrow 5 more, other 5 more; done: wide" in found.stdout
    data = json.loads(seeds(file, "--stage", "5", "--stages", "5", "--accept", "1", "--json").stdout)
    (task,) = data["tasks"]
    assert task["seeds"] == {"wide": 10, "narrow": 15, "other": 15}
    assert task["done"] == {"wide": True, "narrow": False, "other": False}
    assert data["design"]["accept"] is None


def test_a_run_that_is_missing_keeps_those_after_it_from_being_looked_at(project: Path) -> None:
    found = json.loads(seeds("--stage", "6", "--stages", "2", "--json").stdout)
    assert found["tasks"][0]["looks"] == 0
    assert json.loads(seeds("--stage", "5", "--stages", "2", "--json").stdout)["tasks"][0]["looks"] == 1


def test_failures_are_told_apart_by_their_e_value(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "scores.csv", failing=[-0.1, 0.6, -0.2, *[-0.1] * 9], steady=NARROW[:12])
    found = seeds(file, "--stage", "4", "--stages", "3")
    assert "failing and steady: fail at different rates, largest e-value" in found.stdout
    assert "most runs of failing failed, whose spread says nothing of stability" in found.stdout


def test_a_project_says_the_same_from_python(project: Path) -> None:
    here = stabbench.Project(project)
    assert str(here.seeds(margin_failed=0.1)) + "\n" == seeds("--margin-failed", ".1").stdout
    assert str(here.looks(Design(5, 2))) + "\n" == seeds("--stage", "5", "--stages", "2").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing to plan for"),
        (["--margin-mean", "0"], "--margin-mean is 0"),
        (["--margin-failed", "2", "--power", "1"], "2 mistakes"),
        (["--stage", "5"], "needs both"),
        (["--stage", "2", "--stages", "40"], "2 mistakes"),
        (["--stage", "5", "--stages", "5", "--margin-mean", ".1"], "--margin-mean is given"),
        (["--margin-mean", ".1", "--question", "level"], "--question is given"),
        (["--margin-mean", ".1", "--percent"], "expected RESULTS beside it"),
        (["no.csv", "--margin-mean", ".1", "--runs", "elsewhere"], "expected no RESULTS beside it"),
        (["no.csv", "--margin-mean", ".1"], "no.csv"),
    ],
)
def test_a_mistake_is_a_sentence_and_exit_status_2(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = seeds(*arguments)
    assert found.exit_code == 2
    assert words in found.output
    assert found.exception is None or isinstance(found.exception, SystemExit)


def test_more_pairs_than_can_be_told_apart_are_refused(tmp_path: Path) -> None:
    arms = {f"s{number}": NARROW[:3] for number in range(33)}
    found = seeds(write_csv(tmp_path / "many.csv", **arms), "--stage", "3", "--stages", "2")
    assert found.exit_code == 2
    assert "found 528 tests" in found.output
    assert "at most 500" in found.output


def test_one_strategy_alone_cannot_be_looked_at(tmp_path: Path) -> None:
    found = seeds(write_csv(tmp_path / "one.csv", devlin=WIDE), "--stage", "5", "--stages", "5")
    assert found.exit_code == 2
    assert "no two strategies" in found.output
