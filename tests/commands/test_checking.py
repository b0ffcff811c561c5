"""A program or a script that is not there is told before anything runs, and what is no such mistake is let through."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import stabbench
from stabbench.commands.checking import check_command
from stabbench.errors import UserError
from stabbench.project.validation import validate

KNOWN = ("seed", "out", "model")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "train.py").touch()
    (tmp_path / "train.sh").touch(mode=0o755)
    (tmp_path / "plain.sh").touch(mode=0o644)
    (tmp_path / "package").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        "python train.py {seed}",
        f"{sys.executable} -W ignore -uB -X dev train.py {{seed}}",
        "python -m package {seed}",
        "python -um package {seed}",
        "python -c 'print({seed})'",
        "python package {seed}",
        "python - {seed}",
        "python {model}/train.py {seed}",
        "./train.sh {seed}",
        "bash -euo pipefail train.sh {seed}",
        ["bash", "-c", "cd package && LR=1 ../train.sh {seed} | tee log"],
        ["sh", "-ec", "gone.sh {seed}"],
        "bash env {seed}",
        "env SEED={seed} python train.py",
        "env PATH=/opt/bin program {seed}",
        "env -u HOME gone {seed}",
        "nice -n 5 gone {seed}",
        "{model}/run {seed}",
    ],
    ids=str,
)
def test_a_command_that_can_be_run_or_may_be_is_let_through(folder: Path, command: str | list[str]) -> None:
    check_command(command, folder, KNOWN)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("pyhton-of-mine train.py {seed}", "there is no program pyhton-of-mine on PATH: install it, or write a path"),
        ("./gone.sh {seed}", "there is no program .*/gone.sh"),
        ("./package {seed}", "there is no program .*/package"),
        ("./plain.sh {seed}", r"plain.sh may not be executed: `chmod \+x ./plain.sh`, or write what runs it"),
        ("SEED={seed} python train.py", "expected a program: write env before it"),
        ("A=1 python train.py {seed}", r"expected a program: write env before it \(env A=1 python"),
        ("python trian.py {seed}", "no file .*/trian.py, which python is to run: did you mean 'train.py'?"),
        (f"{sys.executable} -u gone/x.py {{seed}}", "no file .*/gone/x.py, which .* is to run$"),
        ("python -W ignore gone.py {seed}", "no file .*/gone.py"),
        ("bash -x gone.sh {seed}", "no file .*/gone.sh, which bash is to run"),
        ("env LR=1 python gone.py {seed}", "no file .*/gone.py"),
        ("env LR=1 gone-program {seed}", "no program gone-program on PATH"),
    ],
)
def test_what_is_not_there_is_told_with_what_to_do(folder: Path, command: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_command(command, folder, KNOWN)


def test_all_mistakes_of_a_command_are_told_at_once(folder: Path) -> None:
    with pytest.raises(UserError) as told:
        check_command("python trian.py {sed} {uot}", folder, KNOWN, ["gone.yaml"])
    found = "\n".join(told.value.messages)
    for part in ("'sed': did you mean 'seed'", "'uot': did you mean 'out'", "trian.py", "gone.yaml", "where its seed"):
        assert part in found
    assert len(told.value.messages) == 5


def params(folder: Path, *, models: object = None, **trainers: object) -> None:
    content = {
        "seeds": 1,
        "grid": {"models": ["none"], "tasks": ["acceptability"], "strategies": list(trainers)},
        "strategies": {name: {"trainer": block} for name, block in trainers.items()},
        **({} if models is None else {"models": models}),
    }
    with (folder / "params.yaml").open("w") as file:
        YAML().dump(content, file)


def test_validate_tells_what_planning_would_with_all_other_mistakes_of_the_file(folder: Path) -> None:
    smoothed = {"plugin": "huggingface", "options": {"label_smoothing_factor": 5, "learning_rat": 1}, "evaluate": "end"}
    params(
        folder,
        models={"mine": {"source": "./mine", "trainer": {"plugin": "native", "options": {}}}, "odd": {"sorce": "x"}},
        script={"command": "python trian.py --seed {seed} --lr {recipe.lr}"},
        smoothed=smoothed,
        absent="comand",
        fine={"command": "python train.py {seed}"},
    )
    with pytest.raises(UserError) as told:
        validate(stabbench.Project(folder).folders)
    first, *lines = str(told.value).splitlines()
    assert first.endswith("params.yaml: 7 mistakes:")
    for place, part in (
        ("models.odd.sorce", "did you mean 'source'"),
        ("models.mine.trainer", "unknown option of trainer 'native'"),
        ("strategies.script.trainer", "trian.py, which python is to run: did you mean 'train.py'?"),
        ("strategies.script.trainer", "'recipe.lr': did you mean 'recipe.learning_rate'?"),
        ("strategies.smoothed.trainer", "options.label_smoothing_factor: found 5, expected a number from 0"),
        ("strategies.smoothed.trainer", "options.learning_rat: TrainingArguments has no such argument"),
        ("strategies.absent.trainer", "unknown trainer 'comand': did you mean 'command'"),
    ):
        assert [line for line in lines if line.startswith(f"  {place}: ") and part in line], (place, lines)


def test_validate_and_plan_use_the_same_words(folder: Path) -> None:
    params(folder, script={"command": "python trian.py --seed {seed} --lr {recipe.lr}"})
    project = stabbench.Project(folder)
    told = []
    for step in (lambda: validate(project.folders), project.plan):
        with pytest.raises(UserError) as error:
            step()
        told.append({line.strip(" -") for line in str(error.value).splitlines()})
    assert len({line for line in told[0] & told[1] if line.startswith("strategies.script.trainer: ")}) == 2
