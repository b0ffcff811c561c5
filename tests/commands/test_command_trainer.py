"""A command as a trainer: one process a seed, in the plan, the store and the report like any other run."""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

import stabbench
from stabbench.cli import main
from stabbench.errors import UserError
from stabbench.plan import Cell, read_plan
from stabbench.records import Record, Store
from tests.commands.sleepers import odd, running
from tests.faults.processes import PATIENCE, wait_until
from tests.faults.processes import stabbench as started

SCRIPT = Path(__file__).with_name("perceptron.py")
MINE = f"{sys.executable} perceptron.py --seed {{seed}} --data {{data}} --out {{out}}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("STABBENCH_STORE", "STABBENCH_WORKERS", "STABBENCH_DEVICE", "DVC_STAGE"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(SCRIPT, tmp_path)
    good, bad = ["fine", "great", "lovely"], ["poor", "awful", "sad"]
    rows = [
        (f"{word} thing number {row % 7} {other}", label)
        for row in range(30)
        for label, words in (("good", good), ("bad", bad))
        for word, other in [(words[row % 3], (good + bad)[row % 6])]
    ]
    pd.DataFrame(rows, columns=["body", "kind"]).to_csv(tmp_path / "texts.csv", index=False)
    return tmp_path


def project(folder: Path, seeds: str = "1-3", **strategies: object) -> stabbench.Project:
    """A planned project whose strategies have these blocks as their trainers, or, with a `trainer`, as themselves."""
    blocks = {
        name: block if isinstance(block, dict) and "trainer" in block else {"trainer": block}
        for name, block in strategies.items()
    }
    params = {
        "preset": "commands",
        "seeds": seeds,
        "grid": {"models": ["none"], "tasks": ["texts"], "strategies": list(strategies)},
        "tasks": {
            "texts": {"files": {"train": "texts.csv"}, "text": "body", "label": "kind", "labels": ["bad", "good"]}
        },
        "strategies": blocks,
    }
    with (folder / "params.yaml").open("w") as file:
        YAML().dump(params, file)
    made = stabbench.Project(folder)
    made.prepare()
    made.plan()
    return made


def cells(folder: Path) -> dict[str, Cell]:
    return {cell.strategy: cell for cell in read_plan(folder / "plan")}


def record(folder: Path, strategy: str, seed: int) -> Record:
    found = Store(folder / ".stabbench/runs").find(cells(folder)[strategy].fingerprint(seed))
    assert found is not None
    return found


def test_commands_are_compared_like_other_strategies_and_what_they_said_is_kept(folder: Path) -> None:
    made = project(
        folder,
        once={"command": f"{MINE} --epochs 1", "data": "csv"},
        often={"command": f"{MINE} --epochs 9", "data": "csv"},
    )
    assert not made.train(workers=2).errors
    one = record(folder, "often", 2)
    assert one.status == "ok"
    assert one.result.total_steps == 9 * 48
    assert one.score == pytest.approx((one.predictions()["label"] == one.predictions()["prediction"]).mean())
    assert (one.folder / "output.txt").read_text() == f"seed 2: accuracy {one.score:.3f}\n"
    found = made.report().comparison.stability
    assert found[["strategy", "n"]].to_numpy().tolist() == [["once", 3], ["often", 3]]
    again = made.train()
    assert not again.errors
    assert [str(cell) for cell in again.cells] == [str(cell) for cell in made.train().cells]
    assert not list((folder / ".stabbench/runs/.checkpoints").glob("*"))


def test_what_decides_results_is_in_the_fingerprint_and_a_time_limit_is_not(folder: Path) -> None:
    project(folder, mine={"command": MINE, "data": "csv"})
    before = cells(folder)["mine"].fingerprint(1)
    project(folder, mine={"command": MINE, "data": "csv", "time_limit": 5})
    assert cells(folder)["mine"].fingerprint(1) == before
    with (folder / "perceptron.py").open("a") as file:
        file.write("# another version\n")
    project(folder, mine={"command": MINE, "data": "csv"})
    assert cells(folder)["mine"].fingerprint(1) != before


def test_a_script_that_changed_since_the_plan_trains_nothing(folder: Path) -> None:
    project(folder, mine={"command": MINE, "data": "csv"})
    with (folder / "perceptron.py").open("a") as file:
        file.write("# another version\n")
    found = CliRunner().invoke(main, ["train", "--all"])
    assert found.exit_code == 2
    assert "perceptron.py changed since the plan was made: run `stabbench plan` again" in found.output
    assert not list(folder.rglob("record.json"))


def test_a_report_of_nothing_but_errors_is_made(folder: Path) -> None:
    made = project(folder, "1", mine={"command": f"{sys.executable} -c 'print(7); exit({{seed}})'"})
    (error,) = made.train().errors
    assert str(error).endswith("RunFailed: it ended with exit status 1\n    7")
    assert made.report(incomplete=True).comparison.stability["n"].tolist() == [0]


def test_a_recipe_counts_where_the_command_is_given_it(folder: Path) -> None:
    with_rate = {"command": f"{MINE} --lr {{recipe.learning_rate}}", "data": "csv"}
    without = {"command": MINE, "data": "csv"}
    project(folder, a={"trainer": with_rate}, b={"trainer": with_rate, "recipe": {"learning_rate": 0.5}}, c=without)
    found = cells(folder)
    assert found["a"].fingerprint(1) != found["b"].fingerprint(1)
    assert found["b"].spec.recipe["learning_rate"] == 0.5
    assert found["c"].spec.recipe == {}


def test_a_command_that_fails_is_an_error_with_its_last_words_and_the_others_go_on(folder: Path) -> None:
    (folder / "fails.py").write_text(
        "import json, sys\nseed, out = sys.argv[1:]\nprint('seed', seed)\n"
        "if seed == '2':\n    raise SystemExit('no space for my ship')\n"
        "json.dump({'format': 1, 'metric': 'accuracy', 'score': float('nan') if seed == '3' else 0.9},"
        " open(out + '/stabbench.json', 'w'))\n"
    )
    made = project(folder, mine={"command": f"{sys.executable} fails.py {{seed}} {{out}}"})
    trained = made.train(workers=1)
    (error,) = map(str, trained.errors)
    assert error.endswith("seed 2: RunFailed: it ended with exit status 1\n    seed 2\n    no space for my ship")
    failed = record(folder, "mine", 2)
    assert failed.error is not None
    assert "no space for my ship" in failed.error.traceback
    assert [record(folder, "mine", seed).status for seed in (1, 3)] == ["ok", "diverged"]
    assert record(folder, "mine", 3).score == record(folder, "mine", 3).result.constant["accuracy"]


def test_a_command_that_leaves_nothing_or_takes_its_folder_away_is_an_error_of_its_run(folder: Path) -> None:
    (folder / "strange.py").write_text(
        "import json, pathlib, shutil, sys\nseed, out = sys.argv[1:]\n"
        "if seed == '2':\n    shutil.rmtree(out)\n    pathlib.Path(out).write_text('0.9')\n"
        "if seed == '3':\n"
        "    json.dump({'format': 1, 'metric': 'accuracy', 'score': 0.9}, open(out + '/stabbench.json', 'w'))\n"
    )
    made = project(folder, mine={"command": f"{sys.executable} strange.py {{seed}} {{out}}"})
    nothing, away = map(str, made.train(workers=1).errors)
    assert "found nothing, expected stabbench.json" in nothing
    assert "seed 2: RunFailed: it has taken its folder {out} away" in away
    assert record(folder, "mine", 3).status == "ok"
    again = made.train(workers=1)
    assert len(again.errors) == 2


def test_a_command_that_takes_too_long_is_ended_with_all_that_it_started(folder: Path) -> None:
    sleeper = f'{sys.executable} -c \'import subprocess; subprocess.run(["sleep", "{odd()}"])\' {{seed}}'
    made = project(folder, "1", mine={"command": sleeper, "time_limit": 0.02})
    assert "it had not ended after 0.02 minutes (time_limit)" in str(made.train().errors)
    assert not running(odd())


def test_nothing_lives_on_where_training_is_killed_and_nothing_finished_is_run_again(folder: Path) -> None:
    waits = (
        "import pathlib, subprocess, sys\nseed, out = sys.argv[1:]\n"
        "with open('began.txt', 'a') as file:\n    print(seed, file=file)\n"
        f"if seed == '2' and not pathlib.Path('go').exists():\n    subprocess.run(['sleep', '{odd()}'])\n"
        'pathlib.Path(out, \'stabbench.json\').write_text(\'{"format": 1, "metric": "accuracy", "score": 0.8}\')\n'
    )
    (folder / "waits.py").write_text(waits)
    project(folder, "1-2", mine={"command": f"{sys.executable} waits.py {{seed}} {{out}}"})
    training = started(folder, "train", STABBENCH_WORKERS="1").process
    assert wait_until(lambda: bool(running(odd())))
    training.send_signal(signal.SIGKILL)
    training.wait(PATIENCE)
    assert wait_until(lambda: not running(odd()))
    (folder / "go").touch()
    assert not stabbench.Project(folder).train(workers=1).errors
    assert (folder / "began.txt").read_text().split() == ["1", "2", "2"]
    assert {record(folder, "mine", seed).status for seed in (1, 2)} == {"ok"}


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"command": f"{MINE} --lr {{recipe.learning_rat}}"}, "did you mean 'recipe.learning_rate'"),
        ({"command": f"{MINE} --lr {{recipe.lr}}"}, "'recipe.lr': did you mean 'recipe.learning_rate'"),
        ({"command": "python train.py"}, "does not say where its seed goes"),
        ({"command": f"{MINE} --model {{model}}"}, "the model's source is none"),
        ({"command": "python 'train.py --seed {seed}"}, "expected words as in a shell"),
        ({"command": MINE, "tim_limit": 3}, "did you mean 'time_limit'"),
        ({"command": MINE, "data": "xml"}, "expected parquet, csv, jsonl"),
        ({"command": MINE, "files": ["gone.py"]}, "there is no file"),
        (
            {"trainer": {"command": MINE}, "plugin": "mixout"},
            "mixout acts by hooks, and the trainer 'command' calls none",
        ),
        ("native", "expected the name of a strategy"),
        ("comand", "did you mean 'command'"),
    ],
)
def test_what_cannot_be_run_is_told_before_any_work(folder: Path, block: object, message: str) -> None:
    with pytest.raises(UserError) as told:
        project(folder, mine=block)
    assert message in str(told.value)
