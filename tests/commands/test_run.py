"""`stabbench run`: from any folder to a table."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stabbench.cli import main
from stabbench.records import Record, Selection
from tests.faults.processes import PATIENCE, stabbench, wait_until

SCRIPT = """
import json, pathlib, random, sys, time
seed, out = int(sys.argv[1]), pathlib.Path(sys.argv[2])
with open("began.txt", "a") as file:
    print(seed, file=file)
print("seed", seed)
if "--waits" in sys.argv:
    (out / "half").write_text(str(seed))
    while not pathlib.Path("go").exists():
        time.sleep(0.05)
if "--fails" in sys.argv and seed == 2:
    raise SystemExit("out of luck")
random.seed(seed)
scores = {"accuracy": round(random.uniform(0.6, 0.8), 3), "spread": seed}
(out / "stabbench.json").write_text(json.dumps({"format": 1, "scores": scores}))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("STABBENCH_STORE", "STABBENCH_WORKERS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "train.py").write_text(SCRIPT)
    return tmp_path


def run(*arguments: str, more: tuple[str, ...] = ()) -> Result:
    command = ["--", sys.executable, "train.py", "{seed}", "{out}", *more]
    return CliRunner().invoke(main, ["run", *arguments, *command], catch_exceptions=False)


def began() -> list[int]:
    return sorted(map(int, Path("began.txt").read_text().split()))


def records(strategy: str = "command") -> dict[int, Record]:
    (found,) = (item for item in Selection.read(Path("runs")).cells if item.cell.strategy == strategy)
    return dict(found.records)


def test_two_commands_stand_in_one_table_and_no_seed_is_run_twice(folder: Path) -> None:
    assert run("--seeds", "1-2", "--majority", "0.5").exit_code == 0
    found = run("--seeds", "1-3", "--majority", "0.5")
    assert found.exit_code == 0
    assert began() == [1, 2, 3]
    other = run("--seeds", "1-3", "--strategy", "other", "--majority", "0.7", more=("--other",))
    assert "| command |" in other.output
    assert "| other |" in other.output
    assert {seed: record.metric for seed, record in records().items()} == dict.fromkeys((1, 2, 3), "accuracy")
    assert {record.status for record in records().values()} == {"ok"}
    assert {seed: record.status == "failed" for seed, record in records("other").items()} == {
        seed: record.score <= 0.7 for seed, record in records("other").items()
    }
    assert (records()[2].folder / "output.txt").read_text() == "seed 2\n"
    assert (folder / "reports/index.html").is_file()


def test_another_metric_or_a_changed_script_is_another_recipe_and_nothing_is_lost(folder: Path) -> None:
    run("--seeds", "1")
    kept = records()[1]
    (folder / "train.py").write_text(SCRIPT.replace("0.6", "0.1"))
    changed = run("--seeds", "1")
    assert "no longer shown" in changed.output
    assert records()[1].fingerprint != kept.fingerprint
    (folder / "train.py").write_text(SCRIPT)
    run("--seeds", "1")
    assert records()[1].fingerprint == kept.fingerprint
    assert began() == [1, 1]
    assert len(list(folder.glob(".stabbench/runs/.commands/*/seed-0001/stabbench.json"))) == 2
    by_spread = ("--seeds", "1", "--metric", "spread", "--strategy", "by-spread")
    assert "found the headline metric spread, expected accuracy, as command has" in run(*by_spread).output
    run(*by_spread, "--task", "spread")
    assert records("by-spread")[1].score == 1.0


def test_what_fails_is_told_with_its_last_words_and_tried_again(folder: Path) -> None:
    found = run("--seeds", "1-3", "--workers", "1", more=("--fails",))
    assert found.exit_code == 1
    assert "error: seed 2: it ended with exit status 1\n    seed 2\n    out of luck\n" in found.output
    assert sorted(records()) == [1, 3]
    assert run("--seeds", "1-3", more=("--fails",)).exit_code == 1
    assert began() == [1, 2, 2, 3]


def test_what_fails_before_the_first_record_is_counted_too(folder: Path) -> None:
    found = run("--seeds", "2,3", "--workers", "1", more=("--fails",))
    assert found.exit_code == 1
    (cell,) = Selection.read(Path("runs")).cells
    assert cell.cell.seeds == (2, 3)
    assert list(cell.records) == [3]
    assert "1 of 2" in found.output or "n = 1/2" in (folder / "reports/index.html").read_text()
    check = CliRunner().invoke(main, ["check", "--max-std", "0.5"])
    assert check.exit_code == 1, check.output


def test_a_script_that_changes_during_the_call_trains_no_seed_under_its_old_name(folder: Path) -> None:
    (folder / "train.py").write_text(SCRIPT + "\nif seed == 2:\n    open(__file__, 'a').write('# changed')\n")
    found = run("--seeds", "1-3", "--workers", "1")
    assert found.exit_code == 1
    assert found.output.count("train.py changed since this call began: start it again") == 2
    assert sorted(records()) == [1]


def test_what_a_constant_scores_is_said_from_the_start(folder: Path) -> None:
    run("--seeds", "1")
    found = run("--seeds", "1-2", "--majority", "0.5")
    assert found.exit_code == 2
    assert "was recorded with nothing as --majority" in found.output
    assert began() == [1]


LEAVES = """
import json, pathlib, sys
out = pathlib.Path(sys.argv[2])
with open("began.txt", "a") as file:
    print(sys.argv[1], file=file)
(out / "model.bin").write_text("weights of " + sys.argv[1])
(out / "stabbench.json").write_text(json.dumps({"format": 1, "score": SCORE.0 + int(sys.argv[1]) / 100}))
"""


def test_what_came_to_its_end_and_cannot_be_read_stays_and_is_read_again(folder: Path) -> None:
    (folder / "train.py").write_text(LEAVES.replace("SCORE", "72"))
    found = run("--seeds", "1-3", "--workers", "1", "--metric", "accuracy")
    assert found.exit_code == 1
    assert "0.7201 for 72.01 %. The command came to its end, and what it left is kept: mend it there" in found.output
    assert "2 of the seeds were not begun, as what the first ones left cannot be read" in found.output
    assert began() == [1]
    (left,) = Path(".stabbench/runs/.commands").glob("*/seed-0001")
    assert (left / "model.bin").read_text() == "weights of 1"
    (left / "stabbench.json").write_text('{"format": 1, "score": 0.7201}')
    found = run("--seeds", "1", "--metric", "accuracy")
    assert found.exit_code == 0, found.output
    assert began() == [1]
    assert records()[1].score == 0.7201
    assert (left / "model.bin").is_file()


def test_a_score_without_a_name_is_one_by_the_metric_that_the_call_names(folder: Path) -> None:
    (folder / "train.py").write_text(LEAVES.replace("SCORE", "0"))
    found = run("--seeds", "1-2", "--workers", "1")
    assert found.exit_code == 1
    assert (
        "score is 0.01 without metric, expected its name beside it, or as --metric of `stabbench run`" in found.output
    )
    assert run("--seeds", "1-2", "--metric", "accuracy").exit_code == 0
    assert began() == [1, 2]
    assert {seed: record.score for seed, record in records().items()} == {1: 0.01, 2: 0.02}


def test_a_constants_score_out_of_the_range_of_the_metric_that_the_run_tells_loses_no_run(folder: Path) -> None:
    found = run("--seeds", "1", "--majority", "70")
    assert found.exit_code == 1
    assert "--majority: accuracy is 70, expected a fraction" in found.output
    assert run("--seeds", "1", "--majority", "0.7").exit_code == 0
    assert began() == [1]


def test_the_report_is_of_all_runs_in_the_folder_also_where_those_of_this_call_break(folder: Path) -> None:
    assert run("--seeds", "1-2", "--strategy", "good").exit_code == 0
    found = run("--seeds", "2", "--strategy", "bad", more=("--fails",))
    assert found.exit_code == 1
    assert "no run has come to its end" not in found.output
    assert "| good |" in found.output


def test_status_tells_of_what_is_recorded_where_nothing_is_planned(folder: Path) -> None:
    assert run("--seeds", "1-3", "--workers", "1", "--majority", "0.7", more=("--fails",)).exit_code == 1
    found = CliRunner().invoke(main, ["status", "--json"])
    assert found.exit_code == 0, found.output
    (row,) = json.loads(found.stdout)
    assert (row["strategy"], row["seeds"], row["error"], row["done"] + row["failed"]) == ("command", 3, 1, 2)


def test_a_folder_with_a_plan_has_its_strategies_in_params_yaml(folder: Path) -> None:
    (folder / "plan").mkdir()
    found = run("--seeds", "1")
    assert found.exit_code == 2
    assert "make the command a strategy of params.yaml" in found.output
    assert not Path("began.txt").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_call_leaves_no_process_and_the_next_finds_the_folders_as_they_were(
    folder: Path, number: signal.Signals
) -> None:
    words = ["run", "--seeds", "1-2", "--workers", "2", "--"]
    words += [sys.executable, "train.py", "{seed}", "{out}", "--waits"]
    call = stabbench(folder, *words)
    assert wait_until(lambda: len(list(folder.rglob("half"))) == 2)
    call.process.send_signal(number)
    call.process.wait(PATIENCE)
    assert "Traceback" not in call.errors
    assert wait_until(lambda: not _running(folder))
    halves = sorted(path.read_text() for path in folder.rglob("half"))
    assert halves == ["1", "2"]
    (folder / "go").touch()
    assert run("--seeds", "1-2", more=("--waits",)).exit_code == 0
    assert sorted(records()) == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "more", "message"),
    [
        (("--seeds", "1-2"), ("{sed}",), "did you mean 'seed'"),
        (("--seeds", "x"), (), "seeds"),
        (("--seeds", "1", "--strategy", "a/b"), (), "expected a name without slashes"),
        (("--seeds", "1", "--strategy", " "), (), "strategy is ' ', expected a name"),
        (("--seeds", "1", "--file", "gone.py"), (), "there is no file"),
        (
            ("--seeds", "1", "--majority", "nan"),
            (),
            "--majority: found nan, expected what the best constant prediction",
        ),
        (
            ("--seeds", "1", "--metric", "accuracy", "--majority", "70"),
            (),
            "--majority: accuracy is 70, expected a fra",
        ),
    ],
)
def test_what_cannot_be_run_is_told_before_anything_runs(
    folder: Path, arguments: tuple[str, ...], more: tuple[str, ...], message: str
) -> None:
    found = run(*arguments, more=more)
    assert found.exit_code == 2
    assert message in found.output
    assert not Path("began.txt").exists()


def _running(folder: Path) -> str:
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if place.joinpath("cwd").resolve() == folder.resolve() and place.name != str(os.getpid()):
                found.append(place.name)
        except OSError:
            continue
    return " ".join(found)
